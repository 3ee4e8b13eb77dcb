/**
 * Several weighted adapters as one that does the same, so that an engine which takes one can say what
 * a merge of them must say: factors of LoRA stand side by side, W + Σ wᵢ·sᵢ·Bᵢ·Aᵢ = W + [w₁s₁B₁ w₂s₂B₂]·[A₁; A₂];
 * scales of (IA)³ are multiplied, W·Π(1 + wᵢ(sᵢ − 1)).
 */
import path from "node:path";
import { InputError } from "../../util/errors.ts";
import { fromFloat32 } from "../../tensors/dtype.ts";
import type { PeftConfig } from "../../adapter-files/peft/any-config.ts";
import { writePeftFolder } from "../../adapter-files/peft/write-folder.ts";
import { elementCount } from "../../util/element-count.ts";
import { type TensorInfo, type TensorToWrite, readTensor } from "../../tensors/safetensors.ts";
import { classifierFiles, readClassifierFile } from "../../adapter-files/classifier-head.ts";
import { readModelWeights } from "../../tensors/model-weights.ts";
import { readJsonObject } from "../../util/json.ts";
import { sourceOf } from "../../adapter-files/peft/vocabulary.ts";
import { withTrueTie } from "../../families/tied-head.ts";
import { type FittedMerge, fitAdapters } from "./fit-to-base.ts";
import type { Change, MergeAdapter } from "./changes.ts";
import { readMergeAdapter } from "./read-adapter.ts";
import { moved } from "./apply-changes.ts";

const PREFIX = "base_model.model.";

type Lora = Extract<Change, { type: "low-rank" }>;
type Whole = Extract<Change, { type: "replace" | "rows" }>;
type Scale = Extract<Change, { type: "scale" }>;

export interface Combination {
  /** A Hugging Face folder. */
  baseDir: string;
  /** PEFT folders in the order in which they are merged. */
  adapterDirs: readonly string[];
  /** One for each. */
  weights: readonly number[];
}

/**
 * Writes the adapter in PEFT's format.
 * @throws InputError for adapters that no single one equals
 */
export async function combineAdapters(dir: string, combination: Combination): Promise<void> {
  const { base, original, adapters, untiesHead } = await fitted(combination);
  const [first] = adapters;
  if (!first) throw new Error("internal: no adapter to combine");
  const byName = changesByName(adapters);
  const tensors: TensorToWrite[] = [];
  const ranks: Record<string, number> = {};
  const whole: string[] = [];
  for (const [name, changes] of byName) {
    const module = name.replace(/\.(weight|bias)$/u, "");
    if (allOf(changes, "low-rank")) {
      ranks[module] = changes.reduce((sum, { factors }) => sum + (factors.a.shape[0] ?? 0), 0);
      tensors.push(...(await sideBySide(module, changes)));
    } else if (allOf(changes, "scale")) {
      if (name.endsWith(".weight")) tensors.push(await multiplied(module, changes));
    } else if (changes.every(isWhole)) {
      whole.push(module);
      tensors.push(await replaced(name, changes, base.weights.get(name)));
    } else {
      throw new InputError(
        `${name} is changed by adapters of different kinds, which no single one equals`,
      );
    }
  }
  for (const [name, info] of base.weights) {
    if (info.shape[0] === sourceOf(original, name)?.shape[0]) continue;
    const copy = `${PREFIX}${name.replace(/\.weight$/u, ".base_layer.weight")}`;
    tensors.push(floats(copy, info.shape, await readTensor(info)));
  }
  const labelled = adapters.find(({ head }) => head)?.folder;
  const classifier = labelled && (await readClassifierFile(labelled.dir));
  const config = configOf(labelled?.config ?? first.folder.config, { ranks, whole, untiesHead });
  await writePeftFolder(dir, config, tensors, classifier && classifierFiles(classifier));
}

async function fitted({ baseDir, adapterDirs, weights }: Combination): Promise<FittedMerge> {
  const adapters: MergeAdapter[] = [];
  for (const [index, one] of adapterDirs.entries()) {
    adapters.push(await readMergeAdapter(one, weights[index] ?? 1));
  }
  const written = await readJsonObject(path.join(baseDir, "config.json"));
  const own = await readModelWeights(baseDir);
  const original = { dir: baseDir, ...(await withTrueTie(written, own)) };
  return fitAdapters(original, adapters);
}

function changesByName(adapters: readonly MergeAdapter[]): ReadonlyMap<string, Change[]> {
  const kinds = new Set(adapters.map(({ folder }) => folder.config.peft_type));
  if (kinds.size > 1) {
    throw new InputError(`${[...kinds].join(" and ")} together equal no single adapter`);
  }
  const byName = new Map<string, Change[]>();
  for (const { dir, weight, changes } of adapters) {
    for (const { name, change } of changes) {
      if (
        change.type === "low-rank" &&
        change.factors.magnitude &&
        (weight !== 1 || adapters.length > 1)
      ) {
        throw new InputError(`${dir} is DoRA's: a share of its change equals no adapter`);
      }
      byName.set(name, [...(byName.get(name) ?? []), change]);
    }
  }
  return byName;
}

function allOf<T extends Change["type"]>(
  changes: readonly Change[],
  type: T,
): changes is Extract<Change, { type: T }>[] {
  return changes.every((change) => change.type === type);
}

async function sideBySide(module: string, changes: readonly Lora[]): Promise<TensorToWrite[]> {
  const [first] = changes;
  if (!first) throw new Error("internal: no change");
  const width = first.factors.a.shape[1] ?? 0;
  const rows = first.factors.b.shape[0] ?? 0;
  const rank = changes.reduce((sum, { factors }) => sum + (factors.a.shape[0] ?? 0), 0);
  const a = new Float32Array(rank * width);
  const b = new Float32Array(rows * rank);
  let at = 0;
  for (const { factors, weight } of changes) {
    const own = factors.a.shape[0] ?? 0;
    const factor = weight * factors.scale;
    a.set(await readTensor(factors.a), at * width);
    const columns = await readTensor(factors.b);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < own; column++) {
        b[row * rank + at + column] = factor * (columns[row * own + column] ?? 0);
      }
    }
    at += own;
  }
  const [nameA, nameB] = first.isEmbedding
    ? ["lora_embedding_A", "lora_embedding_B"]
    : ["lora_A.weight", "lora_B.weight"];
  return [
    floats(`${PREFIX}${module}.${nameA}`, [rank, width], a),
    floats(`${PREFIX}${module}.${nameB}`, [rows, rank], b),
  ];
}

async function multiplied(module: string, changes: readonly Scale[]): Promise<TensorToWrite> {
  const [first] = changes;
  if (!first) throw new Error("internal: no change");
  const { shape } = first.scales;
  const product = new Float32Array(elementCount(shape)).fill(1);
  for (const { scales, weight } of changes) {
    const values = await readTensor(scales);
    values.forEach((scale, i) => (product[i] = (product[i] ?? 1) * (1 + weight * (scale - 1))));
  }
  return floats(`${PREFIX}${module}.ia3_l`, shape, product);
}

function isWhole(change: Change): change is Whole {
  return change.type === "replace" || change.type === "rows";
}

/** A tensor that the base has not is taken whole, whatever its weight. */
async function replaced(
  name: string,
  changes: readonly Whole[],
  own: TensorInfo | undefined,
): Promise<TensorToWrite> {
  const [first] = changes;
  if (!first) throw new Error("internal: no change");
  const { shape } = own ?? first.values;
  let values = own && (await readTensor(own));
  for (const change of changes) {
    const next = await readTensor(change.values);
    const { weight } = change;
    if (!values) values = next;
    else if (change.type === "replace") {
      values = values.map((value, i) => moved(value, next[i] ?? 0, weight));
    } else {
      const [, width = 0] = shape;
      const table = values;
      change.tokens.forEach((token, row) => {
        for (let j = 0; j < width; j++) {
          const at = token * width + j;
          table[at] = moved(table[at] ?? 0, next[row * width + j] ?? 0, weight);
        }
      });
    }
  }
  return floats(`${PREFIX}${name}`, shape, values ?? new Float32Array());
}

function floats(name: string, shape: readonly number[], values: Float32Array): TensorToWrite {
  return { name, dtype: "F32", shape, data: fromFloat32(values, "F32") };
}

/** The config of a LoRA with alpha equal to the rank everywhere: the factors hold the scale. */
function configOf(
  config: PeftConfig,
  {
    ranks,
    whole,
    untiesHead,
  }: { ranks: Readonly<Record<string, number>>; whole: readonly string[]; untiesHead: boolean },
): PeftConfig {
  const [rank = 1] = Object.values(ranks);
  const saved = whole.length === 0 ? null : whole;
  if (config.peft_type !== "LORA")
    return { ...config, ...(saved ? { modules_to_save: saved } : {}) };
  return {
    peft_type: "LORA",
    task_type: config.task_type,
    base_model_name_or_path: config.base_model_name_or_path,
    r: rank,
    lora_alpha: rank,
    target_modules: Object.keys(ranks),
    rank_pattern: ranks,
    alpha_pattern: ranks,
    modules_to_save: saved,
    ensure_weight_tying: !untiesHead,
  };
}
