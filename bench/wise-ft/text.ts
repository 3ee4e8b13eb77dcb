/**
 * WiSE-FT on mails: a linear probe of the base is one end (alpha 0), the whole model tuned on from it the
 * other (LP-FT, alpha 1). Tuned on SpamAssassin's easy ham and older spam, and shifted to its hard ham and
 * newer spam. Every step is the `retune` command; the interpolation is `retune interpolate --sweep`.
 *
 *   npm run bench:wise-ft:text -- [--base tiny|smollm2] [--rows N] [--steps N] [--step 0.1]
 *
 * needs `node samples/fetch-spam-assassin.mjs`, and smollm2 `node samples/fetch-smollm2.mjs`.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import type { RecipeInput } from "../../src/protocol/recipe.ts";
import { SAMPLES, retune } from "../methods/measure.ts";
import { drawCurve } from "./picture.ts";
import { OUT, readInterpolation } from "./interpolation-folder.ts";
import { printInterpolationTable } from "./table.ts";

const MAILS = path.join(SAMPLES, "data/spam-assassin");
const MAX_LENGTH = 128;

/** Rows of each part, steps of 16 rows, and how far apart the alphas lie. */
const BASES = {
  tiny: { model: "retune-tiny", rows: 3000, steps: 300, learningRate: 2e-4, step: "0.1" },
  smollm2: {
    model: "SmolLM2-135M-Instruct.gguf",
    rows: 240,
    steps: 30,
    learningRate: 5e-5,
    step: "0.2",
  },
} as const;

const { values } = parseArgs({
  options: {
    base: { type: "string", default: "tiny" },
    rows: { type: "string" },
    steps: { type: "string" },
    step: { type: "string" },
  },
});
const name = values.base === "smollm2" ? "smollm2" : "tiny";
const settings = BASES[name];
const rows = Number(values.rows ?? settings.rows);
const steps = Number(values.steps ?? settings.steps);
const dir = path.join(OUT, `text-${name}`);

if (!existsSync(MAILS))
  throw new Error(`${MAILS} is missing: node samples/fetch-spam-assassin.mjs`);
rmSync(dir, { recursive: true, force: true });
mkdirSync(dir, { recursive: true });
const data = splitMails();
const base = path.join(SAMPLES, "models", settings.model);
const probe = train("probe", {
  base,
  method: { type: "head" },
  optimizer: { learningRate: 1e-3 },
  epochs: 20,
});
const tuned = train("tuned", {
  base: probe,
  method: { type: "full" },
  optimizer: {
    learningRate: settings.learningRate,
    schedule: "cosine",
    warmupSteps: Math.round(0.05 * steps),
  },
  epochs: 100,
  maxSteps: steps,
});
const interpolationDir = path.join(dir, "interpolation");
const ends = ["interpolate", probe, tuned, "--sweep", `0:1:${values.step ?? settings.step}`];
const files = [
  `--validation=validation=${data.validation}`,
  `--eval=easy ham + older spam=${data.eval}`,
  `--shifted=hard ham + newer spam=${data.shifted}`,
];
const length = ["--max-length", String(MAX_LENGTH)];
const place = [
  "--interpolation-dir",
  interpolationDir,
  "--name",
  `mails, ${settings.model}`,
  "--json",
];
retune("interpolation", [...ends, ...files, ...length, ...place]);
const { interpolation, points } = await readInterpolation(interpolationDir);
printInterpolationTable(interpolation.data, points);
const picture = await drawCurve(`wise-ft-text-${name}`, interpolation, points);
console.log(`\n${interpolationDir}\n${picture}`);

/** The last fifth of the training part chooses alpha and is not trained on. */
function splitMails(): Record<"train" | "validation" | "eval" | "shifted", string> {
  const lines = (part: string): string[] =>
    readFileSync(path.join(MAILS, `${part}.jsonl`), "utf8")
      .trim()
      .split("\n");
  const write = (part: string, chosen: readonly string[]): string => {
    const file = path.join(dir, `${part}.jsonl`);
    writeFileSync(file, chosen.join("\n"));
    return file;
  };
  const all = lines("train");
  const from = Math.round(0.8 * all.length);
  return {
    train: write("train", all.slice(0, Math.min(rows, from))),
    validation: write("validation", all.slice(from, from + rows)),
    eval: write("eval", lines("eval").slice(0, rows)),
    shifted: write("shifted", lines("shifted").slice(0, rows)),
  };
}

function train(
  part: string,
  own: Pick<RecipeInput, "base" | "method" | "optimizer" | "epochs" | "maxSteps">,
): string {
  const recipe: RecipeInput = {
    objective: { type: "classification" },
    data: { train: data.train, maxLength: MAX_LENGTH },
    batchSize: 16,
    saveEvery: 0,
    seed: 42,
    ...own,
  };
  const file = path.join(dir, `${part}.retune.json`);
  writeFileSync(file, JSON.stringify(recipe, null, 2));
  const run = path.join(dir, part);
  retune(part, ["train", file, "--run-dir", run, "--json"]);
  return path.join(run, "model");
}
