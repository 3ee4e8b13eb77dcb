/**
 * Does PEFT see the same model that Retune trained? Takes the adapter of a finished run, evaluates it
 * by Retune, by transformers + PEFT, merged by Retune and merged by PEFT, on the run's own
 * evaluation data, and compares. Needs a Python with torch, transformers and peft:
 *
 *   npx tsx test/oracle/round-trip.ts PYTHON RUN_DIR
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { loadDataset } from "../../src/data/dataset.ts";
import { loadTokenizer } from "../../src/data/tokenizer.ts";
import { mergeAdapters } from "../../src/merge/adapters/merge-adapters.ts";
import { resolveBase } from "../../src/bases/load-base.ts";
import { evaluateExamples } from "../../src/objectives/evaluate-examples.ts";
import { openEvaluationEngine } from "../../src/onnx-engine/onnx-engine.ts";
import { readRunRecipe } from "../../src/run-folder/run-recipe.ts";

const LOSS_TOLERANCE = 1e-4;
const MERGE_TOLERANCE = 1e-5;
const MAX_OUTPUT_BYTES = 2 ** 20;

interface Losses {
  base: number;
  adapter: number;
  mergedByPeft: number;
  mergedByRetune: number;
  mergedDifference: number;
}

const [python = "python3", runDir = "."] = process.argv.slice(2);
const recipe = await readRunRecipe(runDir);
const adapter = path.resolve(runDir, "adapter");
const base = await resolveBase(recipe.base);
const { maxLength, overlong, format } = recipe.data;
if (recipe.objective.type !== "sft") throw new Error("a run of objective sft is needed");
const file = recipe.data.eval ?? recipe.data.train;
const { examples } = await loadDataset(file, {
  tokenizer: await loadTokenizer(base),
  format,
  lossOn: recipe.objective.lossOn,
  maxLength,
  vocabSize: Infinity,
  overlong,
});

const work = await mkdtemp(path.join(tmpdir(), "retune-oracle-"));
let failures = 0;
try {
  const merged = path.join(work, "merged");
  await mergeAdapters({ baseDir: base, adapterDirs: [adapter], outDir: merged });
  const evaluate = async (baseDir: string, adapterDir?: string): Promise<number> => {
    const engine = await openEvaluationEngine({ baseDir, adapterDir, maxLength });
    const { loss } = await evaluateExamples(engine, examples);
    await engine.dispose();
    return loss;
  };
  const rows = [...examples].map(({ ids, weights }) => ({ ids: [...ids], counted: [...weights] }));
  const job = JSON.stringify({ base, adapter, merged, rows });
  const script = path.join(import.meta.dirname, "peft_losses.py");
  const options = { maxBuffer: MAX_OUTPUT_BYTES };
  const { stdout } = await promisify(execFile)(python, [script, job], options);
  const theirs = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Losses;
  compare("base model: Retune, transformers", await evaluate(base), theirs.base);
  compare("with adapter: Retune, PEFT", await evaluate(base, adapter), theirs.adapter);
  compare("merged by Retune: Retune, transformers", await evaluate(merged), theirs.mergedByRetune);
  compare("merged by PEFT, merged by Retune", theirs.mergedByPeft, theirs.mergedByRetune);
  const isSame = theirs.mergedDifference <= MERGE_TOLERANCE;
  if (!isSame) failures++;
  console.log(`largest difference of a merged weight: ${theirs.mergedDifference.toExponential(2)}`);
} finally {
  await rm(work, { recursive: true, force: true });
}
console.log(failures === 0 ? "all equal" : `${failures} differ`);
process.exitCode = failures === 0 ? 0 : 1;

function compare(what: string, ours: number, theirs: number): void {
  const difference = Math.abs(ours - theirs);
  if (!(difference <= LOSS_TOLERANCE)) failures++;
  console.log(
    `${what}: ${ours.toFixed(6)}  ${theirs.toFixed(6)}  (${difference.toExponential(1)})`,
  );
}
