/**
 * Every method on the same rows: what it learns, how much it trains, and what it takes. Real runs by
 * the `retune` command, one after the other, each in a process of its own.
 *
 *   npm run bench:methods -- [--task instructions|spam] [--base tiny|smollm2] [--steps N] [--rows N] [--method NAME …]
 *
 * smollm2 needs `node samples/fetch-smollm2.mjs` first, spam `node samples/fetch-spam-assassin.mjs`.
 */
import { cpus } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { compareClassifiers } from "./classifiers.ts";
import { compareInstructions } from "./instructions.ts";
import { CLASSIFIERS, METHODS } from "./methods.ts";
import { SAMPLES } from "./measure.ts";

const BASES = {
  // A model of 2.4 million parameters takes ten times the steps that larger ones do.
  tiny: { model: "retune-tiny", rateFactor: 10, instructions: 150, spam: 150, rows: 3000 },
  smollm2: {
    model: "SmolLM2-135M-Instruct.gguf",
    rateFactor: 1,
    instructions: 60,
    spam: 30,
    rows: 240,
  },
} as const;

const { values } = parseArgs({
  options: {
    task: { type: "string", default: "instructions" },
    base: { type: "string", default: "tiny" },
    steps: { type: "string" },
    rows: { type: "string" },
    method: { type: "string", multiple: true },
  },
});
const base = values.base === "smollm2" ? "smollm2" : "tiny";
const task = values.task === "spam" ? "spam" : "instructions";
const { model: file, rateFactor, rows } = BASES[base];
const shared = {
  model: path.join(SAMPLES, "models", file),
  steps: Number(values.steps ?? BASES[base][task]),
  rateFactor,
  names: values.method,
};
const known = Object.keys(task === "spam" ? CLASSIFIERS : METHODS);
const unknown = values.method?.find((name) => !known.includes(name));
if (unknown !== undefined) throw new Error(`--method ${unknown} is none of: ${known.join("; ")}`);
console.log(`${file}, ${cpus()[0]?.model}`);
if (task === "spam") compareClassifiers({ ...shared, rows: Number(values.rows ?? rows) });
else compareInstructions({ ...shared, base });
