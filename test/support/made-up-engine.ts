/**
 * An engine that is none of ours: `made-up-engine.ts RUN_DIR` minimises (w − 3)² and writes its run as any
 * engine does, with keys of its own. It goes on from its newest checkpoint.
 */
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Metric, RunState } from "../../src/protocol/run-folder.ts";
import { RunRecorder } from "../../src/run-folder/recorder.ts";
import { readJsonObject } from "../../src/util/json.ts";

async function train(runDir: string): Promise<void> {
  const recorder = await RunRecorder.open(runDir);
  const recipe = await readJsonObject(path.join(runDir, "recipe.json"));
  const [steps, stepMs] = [Number(recipe["steps"]), Number(recipe["stepMs"])];
  await recorder.addToRecipe({ versions: { cloud: "4.1" } });
  const [newest] = await recorder.checkpoints();
  let step = newest?.step ?? 0;
  let w = newest ? Number(await readFile(path.join(newest.dir, "w.txt"), "utf8")) : 0;
  await recorder.cutMetrics(newest?.step ?? -1);
  await recorder.update({ status: "running", totalSteps: steps });
  const start = performance.now();
  let isStopped = false;
  while (step < steps && !isStopped) {
    step++;
    const loss = (w - 3) ** 2;
    w -= 0.1 * 2 * (w - 3);
    const elapsedMs = performance.now() - start;
    const metric: Metric & { expertEntropy: number } = {
      step,
      epoch: step / steps,
      loss,
      elapsedMs,
      expertEntropy: 1 / step,
    };
    await recorder.metric(metric);
    const state: Partial<RunState> & { costUsd: number } = { step, loss, costUsd: step / 100 };
    await recorder.update(state);
    if (step % 10 === 0) {
      await recorder.checkpoint(step, {
        write: (dir) => writeFile(path.join(dir, "w.txt"), String(w)),
      });
    }
    await sleep(stepMs);
    isStopped = await recorder.isStopRequested();
  }
  await recorder.log(`w is ${w}`);
  await recorder.close({ status: isStopped ? "stopped" : "finished" });
}

const [, script, runDir] = process.argv;
if (script === import.meta.filename && runDir !== undefined) await train(runDir);
