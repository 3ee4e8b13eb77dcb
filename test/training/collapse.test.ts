import assert from "node:assert/strict";
import { test } from "node:test";
import { CollapseWatch } from "../../src/training/collapse.ts";
import { makeRun, readState, startTrainer, tinyWorkspace } from "../support/retune.ts";

test("steps without a gradient are told from where they began, unless the rows are known by heart", () => {
  const watch = new CollapseWatch();
  watch.add(1, { loss: 5.5, gradNorm: 1.5 });
  watch.add(2, { loss: 5.6, gradNorm: 0 });
  assert.equal(watch.noteFor(1e6), undefined);
  watch.add(3, { loss: 5.6, gradNorm: 0 });
  assert.match(
    watch.noteFor(1e6) ?? "",
    /^training collapsed: from step 2 on .* at 5\.600, .*learningRate \(1000000\)$/,
  );
  watch.add(4, { loss: 5.6, gradNorm: 1e-3 });
  assert.equal(watch.noteFor(1e6), undefined);
  for (const step of [5, 6]) watch.add(step, { loss: 1e-9, gradNorm: 0 });
  assert.equal(watch.noteFor(1e6), undefined);
});

test("a run that a rate of 1e6 throws away is finished, and its message says that nothing was learnt", async (t) => {
  const dir = tinyWorkspace(t);
  const run = await makeRun(dir, { optimizer: { learningRate: 1e6 }, epochs: 1 });
  await (
    await startTrainer(run)
  ).finished;
  const { status, message } = readState(run);
  assert.equal(status, "finished");
  // ln 259, the vocabulary.
  assert.match(
    message ?? "",
    /training collapsed: from step 2 on no gradient was left and the loss stayed at 5\.557/,
  );
});
