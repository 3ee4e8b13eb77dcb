/**
 * WiSE-FT on digits: a small network learns MNIST (alpha 0), is tuned on UCI's digits (alpha 1), and Retune
 * merges the two at every alpha between. Tuned for, and tested on, UCI; shifted back to MNIST, which tuning
 * makes it forget.
 *
 *   npm run bench:wise-ft:digits -- [--seed N]
 *
 * needs `node samples/fetch-digits.mjs`.
 */
import { rmSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { mergeModels } from "../../src/merge/models/weighted-sum.ts";
import type { InterpolationPoint } from "../../src/protocol/interpolation.ts";
import { readDigits } from "./digits-data.ts";
import {
  PARAMETERS,
  freshParameters,
  loadModel,
  openEvaluator,
  saveModel,
  train,
} from "./digits-model.ts";
import { drawCurve } from "./picture.ts";
import { OUT, writeInterpolation } from "./interpolation-folder.ts";
import { printInterpolationTable } from "./table.ts";

const ALPHAS = Array.from({ length: 11 }, (_, i) => i / 10);

const { values } = parseArgs({ options: { seed: { type: "string", default: "1" } } });
const seed = Number(values.seed);
const dir = path.join(OUT, "digits");
rmSync(dir, { recursive: true, force: true });
const { mnist, uci } = readDigits();
const [base, tuned] = [path.join(dir, "mnist"), path.join(dir, "tuned")];
const started = performance.now();
const parameters = freshParameters(seed);
await train(parameters, mnist.train, { epochs: 5, learningRate: 1e-3, seed });
await saveModel(base, parameters);
await train(parameters, uci.train, { epochs: 15, learningRate: 1e-3, seed: seed + 1 });
await saveModel(tuned, parameters);
const seconds = ((performance.now() - started) / 1000).toFixed(0);
console.log(`${PARAMETERS.toLocaleString("en")} parameters, trained in ${seconds} s\n`);

const interpolation = {
  name: "digits, MNIST to UCI",
  base,
  tuned,
  data: [
    { name: "UCI validation", file: uci.file, role: "validation" },
    { name: "UCI", file: uci.file, role: "in-distribution" },
    { name: "MNIST", file: mnist.file, role: "shifted" },
  ],
} as const;
const sets = { "UCI validation": uci.validation, UCI: uci.test, MNIST: mnist.test };
const evaluator = await openEvaluator();
const points: InterpolationPoint[] = [];
for (const alpha of ALPHAS) {
  const outDir = path.join(dir, "work");
  rmSync(outDir, { recursive: true, force: true });
  const models = [
    { dir: base, weight: 1 - alpha },
    { dir: tuned, weight: alpha },
  ];
  await mergeModels({ models, outDir });
  const mixed = await loadModel(outDir);
  const results: InterpolationPoint["results"] = {};
  for (const [name, data] of Object.entries(sets)) {
    results[name] = await evaluator.evaluate(mixed, data);
  }
  points.push({ alpha, results });
}
await evaluator.dispose();
rmSync(path.join(dir, "work"), { recursive: true, force: true });
writeInterpolation(dir, interpolation, points);
printInterpolationTable(interpolation.data, points);
const picture = await drawCurve("wise-ft-digits", interpolation, points);
console.log(`\n${dir}\n${picture}`);
