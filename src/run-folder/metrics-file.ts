/** metrics.jsonl as its one writer has it: a line a step, cut back when a run resumes. */
import { appendFile, readFile } from "node:fs/promises";
import path from "node:path";
import writeFileAtomic from "write-file-atomic";
import { type Metric, RUN_FILES } from "../protocol/run-folder.ts";
import { hasCode } from "../util/errors.ts";
import { parseJson } from "../util/json.ts";

export async function appendMetric(runDir: string, metric: Metric): Promise<void> {
  await appendFile(path.join(runDir, RUN_FILES.metrics), `${JSON.stringify(metric)}\n`);
}

/** Forgets what came after a checkpoint, and a last line that a killed process left half-written. */
export async function cutMetrics(runDir: string, step: number): Promise<void> {
  const file = path.join(runDir, RUN_FILES.metrics);
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    if (hasCode(error, "ENOENT")) return "";
    throw error;
  });
  const kept = text.split("\n").filter((line) => isUpTo(line, step));
  await writeFileAtomic(file, kept.map((line) => `${line}\n`).join(""));
}

function isUpTo(line: string, step: number): boolean {
  try {
    const metric = parseJson(line, RUN_FILES.metrics);
    return (
      typeof metric === "object" &&
      metric !== null &&
      "step" in metric &&
      typeof metric.step === "number" &&
      metric.step <= step
    );
  } catch {
    return false;
  }
}
