/** `counting-process.ts RUN_DIR`: what the engine of counting-engine.ts starts. It goes on from its newest checkpoint. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { RUN_FILES } from "../../src/protocol/run-folder.ts";
import { RunRecorder } from "../../src/run-folder/recorder.ts";
import { readJsonObject } from "../../src/util/json.ts";

async function count(runDir: string): Promise<void> {
  const recorder = await RunRecorder.open(runDir);
  const recipe = await readJsonObject(path.join(runDir, RUN_FILES.recipe));
  const { steps, stepMs } = recipe["engine"] as { steps: number; stepMs: number };
  const [newest] = await recorder.checkpoints();
  let step = newest ? Number(await readFile(path.join(newest.dir, "step.txt"), "utf8")) : 0;
  await recorder.log(newest ? `goes on from step ${step}` : "begins");
  await recorder.cutMetrics(newest?.step ?? -1);
  await recorder.update({ status: "running", totalSteps: steps });
  const start = performance.now();
  let isStopped = false;
  while (step < steps && !isStopped) {
    step++;
    const loss = 1 / step;
    await recorder.metric({
      step,
      epoch: step / steps,
      loss,
      elapsedMs: performance.now() - start,
    });
    await recorder.update({ step, loss });
    await sleep(stepMs);
    isStopped = await recorder.isStopRequested();
  }
  await recorder.checkpoint(step, {
    write: (dir) => writeFile(path.join(dir, "step.txt"), String(step)),
  });
  const result = path.join(runDir, RUN_FILES.adapter);
  await mkdir(result, { recursive: true });
  await writeFile(path.join(result, "count.txt"), String(step));
  await recorder.close({ status: isStopped ? "stopped" : "finished" });
}

await count(process.argv[2] ?? "");
