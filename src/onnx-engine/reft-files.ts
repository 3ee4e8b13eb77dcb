/** Interventions between the engine's parameters and their folder on disk. */
import path from "node:path";
import type { ReftAdapter, ReftEnd } from "../adapters/reft.ts";
import { reftTensors } from "../adapters/reft.ts";
import type { NamedShape } from "../graph/causal-lm.ts";
import type { BaseModel } from "../models/base-model.ts";
import { InputError } from "../util/errors.ts";
import { parsePositions } from "../adapter-files/reft/positions.ts";
import {
  type ReftIntervention,
  readReftAdapter,
  writeReftAdapter,
} from "../adapter-files/reft/reft-adapter.ts";
import {
  CLASSIFIER_FILE,
  type Classifier,
  SCORE,
  classifierFiles,
} from "../adapter-files/classifier-head.ts";
import { embeddingWidth } from "./tuning-of.ts";
import { largest } from "../util/largest.ts";

/** @param values each tensor's, by the engine's name, which is the file's too */
export async function saveReft(
  dir: string,
  adapter: ReftAdapter,
  {
    values,
    baseModel,
    classifier,
  }: {
    values: ReadonlyMap<string, Float32Array>;
    baseModel: string;
    classifier: Classifier | undefined;
  },
): Promise<void> {
  const { kind: type, interventions, positions, dropout } = adapter;
  const value = (name: string): Float32Array => {
    const found = values.get(name);
    if (!found) throw new Error(`internal: no ${name}`);
    return found;
  };
  const names = reftTensors(adapter).map(({ name }) => name);
  const saved = interventions.map(({ layer, unit, rank }, index): ReftIntervention => {
    const [rotate = "", weight = "", bias = ""] = names.slice(3 * index, 3 * index + 3);
    const tensors = { rotate: value(rotate), weight: value(weight), bias: value(bias) };
    return { layer, unit, type, rank, ...tensors };
  });
  const tied = interventions.every(({ end }) => end === "all");
  const config = { baseModel, positions: positionsText(positions), tied, dropout };
  const head = classifier && {
    labels: classifier.labels.length,
    values: value(SCORE),
    files: classifierFiles(classifier),
  };
  await writeReftAdapter(dir, config, saved, head);
}

function positionsText({ first, last }: ReftAdapter["positions"]): string {
  return [first > 0 ? `f${first}` : "", last > 0 ? `l${last}` : ""].filter(Boolean).join("+");
}

/** @throws InputError naming the file and what does not fit the base */
export async function loadReft(
  dir: string,
  { architecture, classifier }: BaseModel,
): Promise<{
  adapter: ReftAdapter;
  values: ReadonlyMap<string, Float32Array>;
  /** The classification head among the values. */
  head: NamedShape | undefined;
}> {
  const { config, interventions, head } = await readReftAdapter(dir);
  const width = embeddingWidth(architecture);
  const [first] = interventions;
  const kinds = new Set(interventions.map(({ type }) => type));
  if (!first || kinds.size > 1) {
    throw new InputError(
      `${path.join(dir, "reft_config.json")}: interventions are ${[...kinds].join(" and ")}; Retune computes one kind at a time`,
    );
  }
  const found = first.rotate.length / first.rank;
  const deepest = largest(interventions.map(({ layer }) => layer));
  if (found !== width || deepest >= architecture.layers) {
    throw new InputError(
      `${dir}: interventions on states of ${found} after block ${deepest}, but this base model has a width of ${width} and ${architecture.layers} blocks: the adapter was made for another base`,
    );
  }
  const positions = parsePositions(config.positions);
  const ends: readonly ReftEnd[] = config.tied
    ? ["all"]
    : (["first", "last"] as const).filter((end) => positions[end] > 0);
  const adapter: ReftAdapter = {
    type: "reft",
    kind: first.type,
    interventions: interventions.map(({ layer, unit, rank }) => ({
      layer,
      unit,
      end: ends[unit] ?? "all",
      rank,
    })),
    positions,
    width,
    dropout: 0,
  };
  const names = reftTensors(adapter).map(({ name }) => name);
  const tensors = interventions.flatMap(({ rotate, weight, bias }) => [rotate, weight, bias]);
  const values = new Map(tensors.map((tensor, index) => [names[index] ?? "", tensor]));
  if (!head) return { adapter, values, head: undefined };
  if (head.labels !== classifier?.labels.length) {
    const has = classifier ? `name ${classifier.labels.length}` : "is missing";
    throw new InputError(
      `${dir}: its head has ${head.labels} labels, but ${CLASSIFIER_FILE} ${has}; put the folder together as it was written`,
    );
  }
  values.set(SCORE, head.values);
  return { adapter, values, head: { name: SCORE, shape: [head.labels, width] } };
}
