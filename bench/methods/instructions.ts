/** Instructions: how well each method learns to answer. */
import path from "node:path";
import { SAMPLES, measure, megabytes, percent, printRow } from "./measure.ts";
import { METHODS } from "./methods.ts";

const DATA = { tiny: "dictionary", smollm2: "concise" } as const;

export function compareInstructions(options: {
  base: keyof typeof DATA;
  model: string;
  steps: number;
  rateFactor: number;
  names: readonly string[] | undefined;
}): void {
  const { base, model, steps, rateFactor, names = Object.keys(METHODS) } = options;
  const data = DATA[base];
  const file = (kind: string): string => path.join(SAMPLES, "data", `${data}-${kind}.jsonl`);
  console.log(`instructions: ${data}, ${steps} steps of 8 rows\n`);
  printRow(["method", "trained", "learning rate", "evaluation loss", "accuracy", "s", "MB"]);
  printRow(["---", "---:", "---:", "---:", "---:", "---:", "---:"]);
  for (const name of names) {
    const recipe = {
      base: model,
      data: { train: file("train"), eval: file("eval"), maxLength: 128 },
      ...METHODS[name],
      batchSize: 8,
      epochs: 100,
      maxSteps: steps,
      evalEvery: Math.ceil(steps / 3),
      saveEvery: 0,
      keepBest: false,
      seed: 42,
    };
    const { trained, rate, first, last, seconds, peakBytes } = measure({
      name,
      recipe,
      rateFactor,
    });
    printRow([
      name,
      trained.toLocaleString("en"),
      rate.toExponential(),
      `${first.evalLoss?.toFixed(3)} → ${last.evalLoss?.toFixed(3)}`,
      percent(last.evalAccuracy),
      seconds.toFixed(0),
      megabytes(peakBytes),
    ]);
  }
}
