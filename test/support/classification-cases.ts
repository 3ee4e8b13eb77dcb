/** Classification heads on the tiny Llamas, with their owners' losses (test/golden/classification, by make.py). */
import path from "node:path";
import type { Example } from "../../src/data/example.ts";
import type { Classifier } from "../../src/adapter-files/classifier-head.ts";
import { type Method, methodSchema } from "../../src/protocol/methods.ts";
import type { TrainingEngine } from "../../src/objectives/engine.ts";
import { readPeftFolder } from "../../src/adapter-files/peft/folder.ts";
import { readSafetensorsHeader, readTensor } from "../../src/tensors/safetensors.ts";
import { readBatch } from "./llama-golden.ts";

/** As make.py labels the batch's rows. */
const LABELS: Record<Classifier["problem"], readonly (number | number[])[]> = {
  "single-label": [2, 0, 1],
  "multi-label": [[0, 2], [], [1, 2]],
  regression: [0.5, -1.25, 2],
};

export interface ClassificationCase {
  variant: string;
  problem: Classifier["problem"];
  pooling: Classifier["pooling"];
  method: Method;
}

const FULL: Method = methodSchema.parse({ type: "full" });
export const CLASSIFICATION_CASES: Record<string, ClassificationCase> = {
  "single-label": { variant: "tied", problem: "single-label", pooling: "last", method: FULL },
  "single-label-untied": {
    variant: "untied",
    problem: "single-label",
    pooling: "last",
    method: FULL,
  },
  "multi-label": { variant: "tied", problem: "multi-label", pooling: "last", method: FULL },
  regression: { variant: "tied", problem: "regression", pooling: "last", method: FULL },
  mean: { variant: "tied", problem: "single-label", pooling: "mean", method: FULL },
  first: { variant: "tied", problem: "single-label", pooling: "first", method: FULL },
  lora: {
    variant: "untied",
    problem: "single-label",
    pooling: "last",
    method: methodSchema.parse({
      type: "lora",
      rank: 2,
      alpha: 4,
      targets: ["q_proj", "v_proj", "down_proj"],
    }),
  },
  ia3: {
    variant: "untied",
    problem: "single-label",
    pooling: "last",
    method: methodSchema.parse({ type: "ia3", targets: ["k_proj", "v_proj", "down_proj"] }),
  },
  "prompt-tuning": {
    variant: "untied",
    problem: "single-label",
    pooling: "last",
    method: methodSchema.parse({ type: "prompt-tuning", tokens: 4 }),
  },
  "prompt-tuning-mean": {
    variant: "tied",
    problem: "single-label",
    pooling: "mean",
    method: methodSchema.parse({ type: "prompt-tuning", tokens: 4 }),
  },
  "prefix-tuning": {
    variant: "tied",
    problem: "multi-label",
    pooling: "last",
    method: methodSchema.parse({ type: "prefix-tuning", tokens: 3 }),
  },
  "prefix-tuning-first": {
    variant: "untied",
    problem: "single-label",
    pooling: "first",
    method: methodSchema.parse({ type: "prefix-tuning", tokens: 3 }),
  },
  loreft: {
    variant: "tied",
    problem: "single-label",
    pooling: "last",
    method: methodSchema.parse({ type: "loreft", rank: 4, positions: "f3+l2" }),
  },
  direft: {
    variant: "untied",
    problem: "single-label",
    pooling: "mean",
    method: methodSchema.parse({ type: "direft", rank: 2, layers: [0], positions: "l1" }),
  },
  noreft: {
    variant: "untied",
    problem: "multi-label",
    pooling: "last",
    method: methodSchema.parse({ type: "noreft", rank: 3, positions: "f2+l2", tied: false }),
  },
};
/** Those that PEFT saves. */
export const PEFT_CASES = [
  "lora",
  "ia3",
  "prompt-tuning",
  "prompt-tuning-mean",
  "prefix-tuning",
  "prefix-tuning-first",
];
export const REFT_CASES = ["loreft", "direft", "noreft"];
export const classificationGolden = (name: string): string =>
  path.join(import.meta.dirname, "../golden/classification", name);

export async function readClassification(name: string) {
  const { tensors } = await readSafetensorsHeader(classificationGolden(`${name}.safetensors`));
  const floats = (key: string): Promise<Float32Array> => readTensor(tensors.get(key)!);
  return { gradients: [...tensors.keys()].filter((key) => key.startsWith("grad.")), floats };
}

/** The models' batch with a label for each row; the batch's rows end at their last counted token. */
export async function labelledBatch({ variant, problem }: ClassificationCase): Promise<Example[]> {
  return (await readBatch(variant)).map(({ ids, line }, row) => {
    const weights = new Float32Array(ids.length);
    weights[ids.length - 1] = 1;
    return { ids, line, weights, label: LABELS[problem][row]! };
  });
}

export function classifierOf({ problem, pooling }: ClassificationCase): Classifier {
  return { problem, pooling, labels: problem === "regression" ? ["LABEL_0"] : ["a", "b", "c"] };
}

/** The golden's own head and adapter, whatever else is trained. */
export async function setClassificationGolden(
  { trainables, parameters }: Pick<TrainingEngine, "trainables" | "parameters">,
  name: string,
): Promise<void> {
  const { floats } = await readClassification(name);
  const saved = PEFT_CASES.includes(name)
    ? (await readPeftFolder(classificationGolden(name))).tensors
    : undefined;
  for (const { name: tensor, offset } of trainables) {
    if (tensor === "score.weight") parameters.set(await floats(tensor), offset);
    else if (REFT_CASES.includes(name)) parameters.set(await floats(`value.${tensor}`), offset);
    else if (saved) parameters.set(await readTensor(saved.get(tensor)!), offset);
  }
}
