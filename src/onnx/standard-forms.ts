/** Forms in ONNX's own operators, for a runtime that has no others and fuses these itself (OpenVINO). */
import { dimAt } from "../graph/dim.ts";
import type { Value } from "../graph/graph.ts";
import type { Forms } from "./forms.ts";
import type { ModelWriter } from "./model-writer.ts";

export const STANDARD_FORMS: Forms = {
  product(writer, { left, right, transA, transB, alpha, output }) {
    const operands = [transA ? turned(writer, left) : left, transB ? turned(writer, right) : right];
    const named = output === undefined ? {} : { outputs: [output] };
    if (alpha === 1) return writer.node("MatMul", operands, named);
    return writer.node("Mul", [writer.node("MatMul", operands), writer.float32(alpha)], named);
  },
  rmsNorm(writer, { inputs, outputs, attributes: { epsilon } }) {
    const [x, weight] = inputs as [Value, Value];
    const [y, inverse] = outputs as [Value, Value];
    const squares = writer.node("Mul", [x.name, x.name]);
    const mean = writer.node("ReduceMean", [squares, writer.int64([1])], {
      attributes: { keepdims: { int: 1 } },
    });
    const root = writer.node("Sqrt", [writer.node("Add", [mean, writer.float32(epsilon)])]);
    writer.node("Reciprocal", [root], { outputs: [inverse.name] });
    const normed = writer.node("Mul", [x.name, inverse.name]);
    writer.node("Mul", [normed, weight.name], { outputs: [y.name] });
  },
  /** y = x·cos + (x's halves exchanged)·(−sin, sin), over [N,H,2,D/2]. */
  rope(writer, { inputs, outputs }) {
    const [x, positions, cos, sin] = inputs as [Value, Value, Value, Value];
    const [y] = outputs as [Value];
    const half = dimAt(cos.shape, 1) as number;
    const width = dimAt(x.shape, 1) as number;
    const at = (table: string): string =>
      writer.once(`rope ${table} ${positions.name}`, () =>
        writer.node("Unsqueeze", [
          writer.node("Gather", [table, positions.name], { attributes: { axis: { int: 0 } } }),
          writer.int64([2]),
        ]),
      );
    const signed = writer.once(`rope ± ${sin.name} ${positions.name}`, () =>
      writer.node("Concat", [writer.node("Neg", [at(sin.name)]), at(sin.name)], {
        attributes: { axis: { int: 2 } },
      }),
    );
    const halves = writer.node("Reshape", [x.name, writer.int64([-1, width / half / 2, 2, half])]);
    const part = (start: number): string =>
      writer.node("Slice", [
        halves,
        writer.int64([start]),
        writer.int64([start + 1]),
        writer.int64([2]),
      ]);
    const exchanged = writer.node("Concat", [part(1), part(0)], {
      attributes: { axis: { int: 2 } },
    });
    const rotated = writer.node("Add", [
      writer.node("Mul", [halves, at(cos.name)]),
      writer.node("Mul", [exchanged, signed]),
    ]);
    writer.node("Reshape", [rotated, writer.int64([-1, width])], { outputs: [y.name] });
  },
  silu(writer, x, output) {
    writer.node("Mul", [x, writer.node("Sigmoid", [x])], { outputs: [output] });
  },
};

/** [P,M,N] → [P,N,M]. */
function turned(writer: ModelWriter, name: string): string {
  return writer.node("Transpose", [name], { attributes: { perm: { ints: [0, 2, 1] } } });
}
