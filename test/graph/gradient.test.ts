import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { assertClose } from "../support/assert-close.ts";
import { type Tensor64, interpret } from "../support/interpreter.ts";
import { OP_CASES } from "../support/op-cases.ts";
import { buildOpGraph } from "../support/op-graph.ts";
import { GRADIENTS } from "../../src/graph/gradient.ts";
import { OrtSession } from "../../src/onnx-engine/ort-session.ts";

interface Golden {
  result: number[];
  gradients: Record<string, number[]>;
}

const goldens = JSON.parse(
  readFileSync(new URL("../golden/graph/ops.json", import.meta.url), "utf8"),
) as Record<string, Golden>;

/** Central differences of the loss in double precision: error ~ 1e-10 at this step. */
function finiteDifferences(
  loss: (feeds: Record<string, Tensor64>) => number,
  feeds: Record<string, Tensor64>,
  name: string,
): Float64Array {
  const step = 1e-5;
  const { shape, data } = feeds[name]!;
  return data.map((value, i) => {
    const at = (x: number): number => loss({ ...feeds, [name]: { shape, data: data.with(i, x) } });
    return (at(value + step) - at(value - step)) / (2 * step);
  });
}

for (const op of OP_CASES) {
  const { graph, feeds } = buildOpGraph(op);

  test(`${op.name}: gradients equal finite differences in double precision`, () => {
    const [, , ...gradients] = interpret(graph, feeds);
    op.wrt.forEach((name, index) => {
      const expected = finiteDifferences((f) => interpret(graph, f)[1]!.data[0]!, feeds, name);
      assertClose(gradients[index]!.data, expected, { rtol: 1e-7, atol: 1e-9 }, name);
    });
  });

  test(`${op.name}: ONNX Runtime gives PyTorch's result and gradients`, async () => {
    const golden = goldens[op.name];
    assert.ok(golden, "run test/golden/graph/make_ops.py");
    const session = await OrtSession.create(graph, {
      weightsDir: ".",
      locate: () => assert.fail("no weights"),
      threads: 1,
      prepack: true,
    });
    const outputs = await session.run(
      Object.fromEntries(
        graph.inputs.map(({ name, type }) => [
          name,
          type === "int64"
            ? BigInt64Array.from(feeds[name]!.data, BigInt)
            : Float32Array.from(feeds[name]!.data),
        ]),
      ),
      {},
    );
    await session.dispose();
    const values = graph.outputs.map(({ name }) => outputs[name]!.data as Float32Array);
    assertClose(values[0]!, golden.result, { rtol: 2e-6, atol: 1e-6 }, "result");
    op.wrt.forEach((name, index) => {
      const expected = golden.gradients[name]!;
      assertClose(values[index + 2]!, expected, { rtol: 5e-6, atol: 1e-6 }, name);
    });
  });
}

test("every operation that carries a gradient has a case", () => {
  const covered = new Set(OP_CASES.flatMap(({ name }) => name.split(" ")));
  const silent = [
    "Cast",
    "After",
    "AttentionProbabilities",
    "Dequantize",
    "SoftmaxCrossEntropyGradient",
    "ArgMaxHit",
    "TokenLosses",
    "InverseRowNorms",
    "DropoutMask",
  ];
  for (const op of Object.keys(GRADIENTS)) assert.ok(covered.has(op) || silent.includes(op), op);
});
