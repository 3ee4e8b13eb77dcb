/**
 * What files say of a classification head, `score` [labels, C] without bias: config.json as transformers'
 * …ForSequenceClassification has it, and classifier.json beside an adapter, for PEFT keeps no labels.
 */
import path from "node:path";
import * as z from "zod";
import { familyOf } from "../families/registry.ts";
import { InputError } from "../util/errors.ts";
import { checkJson, readJsonIfThere } from "../util/json.ts";
import type { PeftFolder } from "./peft/folder.ts";
import { peftScore } from "./peft/score.ts";

export const SCORE = "score.weight";
export const CLASSIFIER_FILE = "classifier.json";

const classifierSchema = z.object({
  /** Names of the head's rows; of regression one. */
  labels: z.array(z.string()).min(1),
  problem: z.enum(["single-label", "multi-label", "regression"]),
  pooling: z.enum(["last", "mean", "first"]),
});

export type Classifier = Readonly<z.output<typeof classifierSchema>>;

/** What to write beside the head, by name. */
export function classifierFiles(classifier: Classifier): Record<string, string> {
  return { [CLASSIFIER_FILE]: `${JSON.stringify(classifier, null, 2)}\n` };
}

/**
 * Undefined when the folder has none.
 * @throws InputError naming the file that is not what was written
 */
export async function readClassifierFile(dir: string): Promise<Classifier | undefined> {
  const file = path.join(dir, CLASSIFIER_FILE);
  const json = await readJsonIfThere(file);
  return json && checkJson(json.value, classifierSchema, file);
}

/**
 * The head that an adapter brings along: as classifier.json says, else with the base's own labels, or
 * numbered as transformers numbers them. Undefined for an adapter without one.
 * @throws InputError for a classifier.json that is not what was written
 */
export async function adapterClassifier(
  folder: PeftFolder,
  base: Classifier | undefined,
): Promise<Classifier | undefined> {
  const written = await readClassifierFile(folder.dir);
  if (written) return written;
  const rows = peftScore(folder)?.shape[0];
  if (rows === undefined) return undefined;
  return base?.labels.length === rows ? base : numberedClassifier(rows);
}

/** What files that keep no labels leave of a head: names as transformers numbers them. */
export function numberedClassifier(rows: number): Classifier {
  const labels = Array.from({ length: rows }, (_, row) => `LABEL_${row}`);
  return { labels, problem: rows === 1 ? "regression" : "single-label", pooling: "last" };
}

/** Whether the head of one is a head for the other's labels. */
export function sameLabels(one: Classifier | undefined, other: Classifier): boolean {
  return one?.labels.join("\n") === other.labels.join("\n") && one.problem === other.problem;
}

const PROBLEMS: ReadonlyMap<string, Classifier["problem"]> = new Map([
  ["single_label_classification", "single-label"],
  ["multi_label_classification", "multi-label"],
  ["regression", "regression"],
]);

/**
 * What config.json says of a classification head; undefined for a model without one.
 * @throws InputError for labels that are not named 0, 1, 2 …
 */
export function classifierOf(
  config: Readonly<Record<string, unknown>>,
  file: string,
): Classifier | undefined {
  const { architectures, id2label, problem_type: type, pooling } = config;
  const names: unknown[] = Array.isArray(architectures) ? architectures : [];
  if (!names.some((name) => String(name).endsWith("ForSequenceClassification"))) return undefined;
  const named = typeof id2label === "object" && id2label !== null ? id2label : {};
  const byId = new Map(Object.entries(named).map(([id, name]) => [id, String(name)]));
  const labels = Array.from({ length: byId.size }, (_, id) => byId.get(String(id)) ?? "");
  if (labels.length === 0 || labels.includes("")) {
    throw new InputError(`${file}: id2label does not name the labels 0, 1, 2 …`);
  }
  const guessed = labels.length === 1 ? "regression" : "single-label";
  const problem = (typeof type === "string" ? PROBLEMS.get(type) : undefined) ?? guessed;
  return { labels, problem, pooling: pooling === "mean" || pooling === "first" ? pooling : "last" };
}

/** config.json of `config`'s model with this head; `pooling` is ours, and only where it is not transformers'. */
export function classifierConfig(
  config: Readonly<Record<string, unknown>>,
  { labels, problem, pooling }: Classifier,
): Record<string, unknown> {
  const { architectures, pad_token_id: pad, eos_token_id: eos, pooling: _, ...kept } = config;
  const first: unknown = Array.isArray(architectures) ? architectures[0] : undefined;
  const name = typeof first === "string" ? first : familyOf(config).causalLm;
  const [type] = [...PROBLEMS].find(([, ours]) => ours === problem) ?? [];
  const padding: unknown = pad ?? (Array.isArray(eos) ? eos[0] : eos);
  return {
    ...kept,
    ...(eos === undefined ? {} : { eos_token_id: eos }),
    ...(name === undefined
      ? {}
      : { architectures: [name.replace(/For\w+$/u, "ForSequenceClassification")] }),
    id2label: Object.fromEntries(labels.map((label, id) => [String(id), label])),
    label2id: Object.fromEntries(labels.map((label, id) => [label, id])),
    problem_type: type,
    // transformers takes no batch of several rows without one.
    ...(padding === undefined ? {} : { pad_token_id: padding }),
    ...(pooling === "last" ? {} : { pooling }),
  };
}
