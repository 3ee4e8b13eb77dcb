/** Every operation on OpenVINO, forward and backward, against the same graph in double precision. */
import { test } from "node:test";
import { openvinoRuntime } from "../../src/onnx-engine/openvino-session.ts";
import { type Tolerance, assertClose } from "../support/assert-close.ts";
import { FORWARD_CASES } from "../support/forward-op-cases.ts";
import { interpret } from "../support/interpreter.ts";
import { OP_CASES } from "../support/op-cases.ts";
import { buildOpGraph } from "../support/op-graph.ts";
import { testedOpenvino } from "../support/openvino-runtime.ts";
import { runGraph } from "../support/run-graph.ts";

const openvino = await testedOpenvino();

/** float32 as of ONNX Runtime (test/graph, test/onnx). bfloat16 rounds operands to 8 bits: each by up to 2⁻⁹ of itself. */
const TOLERANCES: Readonly<Record<"float32" | "bfloat16", Tolerance>> = {
  float32: { rtol: 5e-6, atol: 1e-6 },
  bfloat16: { rtol: 0.02, atol: 1e-6 },
};

const cases = {
  ...Object.fromEntries(
    OP_CASES.map((op) => {
      const { graph, feeds } = buildOpGraph(op);
      return [op.name, { graph, inputs: feeds }];
    }),
  ),
  ...FORWARD_CASES,
};

for (const precision of ["float32", "bfloat16"] as const) {
  const skip = precision === "float32" ? openvino.skip : openvino.skipBfloat16;
  for (const [name, { graph, inputs }] of Object.entries(cases)) {
    test(`${name} in ${precision}`, { skip }, async () => {
      const runtime = openvinoRuntime(openvino.target(precision));
      const found = await runGraph(graph, inputs, { runtime });
      interpret(graph, inputs).forEach(({ data }, index) => {
        assertClose(found[index]!, data, TOLERANCES[precision], graph.outputs[index]!.name);
      });
    });
  }
}
