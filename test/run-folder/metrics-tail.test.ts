import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { type MetricsBatch, MetricsTail } from "../../src/run-folder/metrics-tail.ts";

function metricsFile(t: TestContext): string {
  const dir = mkdtempSync(path.join(tmpdir(), "retune-metrics-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return path.join(dir, "metrics.jsonl");
}

const line = (step: number, loss = 1): string =>
  `${JSON.stringify({ step, epoch: 0, loss, elapsedMs: step })}\n`;
const seen = ({ reset, metrics }: MetricsBatch): [boolean, ...number[]] => [
  reset,
  ...metrics.map(({ step }) => step),
];

test("each line comes once, and only when it is whole", async (t) => {
  const file = metricsFile(t);
  const tail = new MetricsTail(file);
  assert.deepEqual(seen(await tail.read()), [true]);
  const [torn, rest] = [line(2).slice(0, 9), line(2).slice(9)];
  writeFileSync(file, `${line(1)}${torn}`);
  assert.deepEqual(seen(await tail.read()), [false, 1]);
  assert.deepEqual(seen(await tail.read()), [false]);
  appendFileSync(file, rest);
  assert.deepEqual(seen(await tail.read()), [false, 2]);
});

test("a line that a crash left broken is skipped", async (t) => {
  const file = metricsFile(t);
  writeFileSync(file, `${line(1)}{"step":2,"ep\n{"step":"x"}\n\n${line(3)}`);
  assert.deepEqual(seen(await new MetricsTail(file).read()), [true, 1, 3]);
});

test("a file that was cut back starts over, also when it has grown again meanwhile", async (t) => {
  const file = metricsFile(t);
  writeFileSync(file, [1, 2, 3, 4].map((step) => line(step)).join(""));
  const tail = new MetricsTail(file);
  assert.deepEqual(seen(await tail.read()), [true, 1, 2, 3, 4]);
  truncateSync(file, line(1).length * 2);
  assert.deepEqual(seen(await tail.read()), [true, 1, 2]);
  writeFileSync(file, `${line(1)}${line(2, 7)}${line(3, 7)}`);
  assert.deepEqual(seen(await tail.read()), [true, 1, 2, 3]);
});

test("a file that is gone starts over", async (t) => {
  const file = metricsFile(t);
  writeFileSync(file, line(1));
  const tail = new MetricsTail(file);
  await tail.read();
  rmSync(file);
  assert.deepEqual(seen(await tail.read()), [true]);
  assert.deepEqual(seen(await tail.read()), [false]);
});

test("a large file comes in batches, of which none is lost", async (t) => {
  const file = metricsFile(t);
  const count = 60_000;
  const text = Array.from({ length: count }, (_, step) => line(step)).join("");
  assert.ok(text.length > 2 ** 21);
  writeFileSync(file, text);
  const tail = new MetricsTail(file);
  const steps: number[] = [];
  for (let more = true; more;) {
    const batch = await tail.read();
    assert.equal(batch.reset, steps.length === 0);
    steps.push(...batch.metrics.map(({ step }) => step));
    ({ more } = batch);
  }
  assert.deepEqual(
    steps,
    Array.from({ length: count }, (_, step) => step),
  );
});
