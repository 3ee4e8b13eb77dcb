/**
 * Adding up gradients of repeated rows at the size where ONNX Runtime's ScatterND (add) loses some:
 * it works on them in parallel without saying so, and only large inputs show it.
 */
import { test } from "node:test";
import { GraphBuilder } from "../../src/graph/builder.ts";
import { OrtSession } from "../../src/onnx-engine/ort-session.ts";
import { assertClose } from "../support/assert-close.ts";

const [UPDATES, ROWS, WIDTH] = [8192, 64, 192];

test("thousands of updates to few rows all arrive, on two threads", async () => {
  const b = new GraphBuilder();
  const rows = b.input("rows", "int64", [UPDATES]);
  const updates = b.input("updates", "float32", [UPDATES, WIDTH]);
  const like = b.input("like", "float32", [ROWS, WIDTH]);
  const graph = b.build([b.apply("ScatterAddRows", [rows, updates, like], {})]);
  const session = await OrtSession.create(graph, {
    weightsDir: ".",
    locate: () => {
      throw new Error("no weights");
    },
    threads: 2,
    prepack: true,
  });
  const target = Int32Array.from({ length: UPDATES }, (_, i) => (i * 7919) % ROWS);
  const values = Float32Array.from({ length: UPDATES * WIDTH }, (_, i) => ((i * 31) % 17) - 8);
  const expected = new Float32Array(ROWS * WIDTH);
  values.forEach((value, i) => {
    const at = target[Math.floor(i / WIDTH)]! * WIDTH + (i % WIDTH);
    expected[at] = expected[at]! + value;
  });
  const outputs = await session.run(
    {
      rows: BigInt64Array.from(target, BigInt),
      updates: values,
      like: new Float32Array(ROWS * WIDTH),
    },
    {},
  );
  // Sums of whole numbers are exact in float32.
  const [output] = Object.values(outputs);
  assertClose(output!.data as Float32Array, expected, { atol: 0 });
  await session.dispose();
});
