/** Forms with ONNX Runtime's contrib operators: measured to be fast there, and compact. */
import { dimAt } from "../graph/dim.ts";
import type { Value } from "../graph/graph.ts";
import type { Forms } from "./forms.ts";

const MICROSOFT = "com.microsoft";

export const CONTRIB_FORMS: Forms = {
  product(writer, { left, right, transA, transB, alpha, output }) {
    return writer.node("FusedMatMul", [left, right], {
      ...(output === undefined ? {} : { outputs: [output] }),
      attributes: { alpha, transA: { int: transA ? 1 : 0 }, transB: { int: transB ? 1 : 0 } },
      domain: MICROSOFT,
    });
  },
  rmsNorm(writer, { inputs, outputs, attributes: { epsilon } }) {
    writer.node(
      "SimplifiedLayerNormalization",
      inputs.map(({ name }) => name),
      {
        outputs: outputs.map(({ name }) => name),
        attributes: { axis: { int: -1 }, epsilon, stash_type: { int: 1 } },
      },
    );
  },
  rope(writer, { inputs, outputs }) {
    const [x, positions, cos, sin] = inputs as [Value, Value, Value, Value];
    const [y] = outputs as [Value];
    const width = dimAt(x.shape, 1) as number;
    // N rows of one token: as one row of N, they may not outnumber the positions of the table.
    const rows = writer.node("Reshape", [x.name, writer.int64([-1, 1, width])]);
    const rotated = writer.node("RotaryEmbedding", [rows, positions.name, cos.name, sin.name], {
      attributes: { interleaved: { int: 0 } },
      domain: MICROSOFT,
    });
    writer.node("Reshape", [rotated, writer.int64([-1, width])], { outputs: [y.name] });
  },
  silu(writer, x, output) {
    writer.node("QuickGelu", [x], {
      outputs: [output],
      attributes: { alpha: 1 },
      domain: MICROSOFT,
    });
  },
};
