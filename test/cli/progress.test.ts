/** How far something is, on a terminal and in a log; nothing that comes from a file steers a terminal. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteProgress } from "../../src/cli/byte-progress.ts";
import { ProgressLine } from "../../src/cli/progress.ts";
import type { RunState } from "../../src/protocol/run-folder.ts";

/** What was written to a stream of 40 columns. */
function stream(isTTY: boolean): { stream: NodeJS.WriteStream; text: () => string } {
  let text = "";
  const written = { isTTY, columns: 40, write: (part: string) => ((text += part), true) };
  return { stream: written as unknown as NodeJS.WriteStream, text: () => text };
}

const CLEAR = "\r\u001B[2K";

test("bytes are redrawn in place on a terminal, within its width, and left empty", () => {
  const out = stream(true);
  let now = 0;
  const progress = new ByteProgress("merging\u001B]0;x", out.stream, () => now);
  progress.update(1, 100);
  assert.equal(out.text(), "");
  now = 1_000;
  progress.update(25_000_000, 100_000_000);
  const shown = "merging\\u001b]0;x: 25 MB of 100 MB, 3 s left".slice(0, 39);
  assert.equal(out.text(), `${CLEAR}${shown}`);
  progress.note("a\u001B[2Jb\nc");
  assert.equal(out.text(), `${CLEAR}${shown}${CLEAR}a\\u001b[2Jb c\n`);
});

test("elsewhere they are a line now and then", () => {
  const out = stream(false);
  let now = 0;
  const progress = new ByteProgress("merging", out.stream, () => now);
  for (now = 0; now <= 4_000; now += 500) progress.update(now, 4_000);
  progress.end();
  assert.equal(out.text(), "merging: 2 kB of 4 kB, 2 s left\nmerging: 4 kB of 4 kB\n");
});

const state = (step: number): RunState => ({
  status: "running",
  step,
  totalSteps: 10,
  loss: 1.5,
  evalLoss: 2,
  createdAt: "",
});

test("a run's steps are a bar with its losses on a terminal", () => {
  const out = stream(true);
  const progress = new ProgressLine(out.stream);
  progress.phase("reading\u001B[2J");
  progress.metric({ step: 10, epoch: 1, loss: 1.5, elapsedMs: 1 }, state(10));
  progress.note("edited\u001B[2J");
  progress.end();
  const bar = `${"█".repeat(24)} step 10/10  loss 1.500  eval loss 2.000`.slice(0, 39);
  assert.equal(out.text(), `${CLEAR}reading\\u001b[2J${CLEAR}${bar}${CLEAR}edited\\u001b[2J\n\n`);
});

test("in a log evaluations and phases always have a line, steps now and then", () => {
  const out = stream(false);
  const progress = new ProgressLine(out.stream);
  progress.phase("reading");
  for (let step = 1; step <= 9; step++) {
    progress.metric({ step, epoch: 1, loss: 1.5, elapsedMs: 1 }, state(step));
  }
  progress.metric({ step: 10, epoch: 1, evalLoss: 2, elapsedMs: 1 }, state(10));
  assert.equal(out.text(), "reading\nstep 10/10  loss 1.500  eval loss 2.000\n");
});
