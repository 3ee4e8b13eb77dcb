/** Interventions between the engine's parameters and their folder on disk. */
import path from "node:path";
import type { ReftSettings, ReftEnd } from "./reft.ts";
import { reftTensors } from "./reft.ts";
import type { BaseModel } from "../../models/base-model.ts";
import { InputError } from "../../util/errors.ts";
import { parsePositions } from "../../adapter-files/reft/positions.ts";
import {
  type ReftIntervention,
  readReftAdapter,
  writeReftAdapter,
} from "../../adapter-files/reft/reft-adapter.ts";
import { CLASSIFIER_FILE, SCORE, classifierFiles } from "../../adapter-files/classifier-head.ts";
import type { StoredTensor, TrainedAdapter } from "../method.ts";
import { embeddingWidth } from "../modules.ts";
import { largest } from "../../util/largest.ts";

export async function saveReft(
  dir: string,
  settings: ReftSettings,
  { tensors: trained, baseModel, base: { classifier } }: TrainedAdapter,
): Promise<void> {
  const { kind: type, interventions, positions, dropout } = settings;
  const value = (name: string): Float32Array => {
    const found = trained.find((tensor) => tensor.name === name);
    if (!found) throw new Error(`internal: no ${name}`);
    return found.values;
  };
  const names = reftTensors(settings).map(({ name }) => name);
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

function positionsText({ first, last }: ReftSettings["positions"]): string {
  return [first > 0 ? `f${first}` : "", last > 0 ? `l${last}` : ""].filter(Boolean).join("+");
}

/** @throws InputError naming the file and what does not fit the base */
export async function loadReft(
  dir: string,
  { architecture, classifier }: BaseModel,
): Promise<{
  settings: ReftSettings;
  stored: ReadonlyMap<string, StoredTensor>;
  /** The classification head among them. */
  fed: readonly string[];
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
  const settings: ReftSettings = {
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
  const tensors = interventions.flatMap(({ rotate, weight, bias }) => [rotate, weight, bias]);
  const stored = new Map(
    reftTensors(settings).map(({ name, shape }, index): [string, StoredTensor] => [
      name,
      { shape, values: async () => tensors[index] ?? new Float32Array() },
    ]),
  );
  if (!head) return { settings, stored, fed: [] };
  if (head.labels !== classifier?.labels.length) {
    const has = classifier ? `name ${classifier.labels.length}` : "is missing";
    throw new InputError(
      `${dir}: its head has ${head.labels} labels, but ${CLASSIFIER_FILE} ${has}; put the folder together as it was written`,
    );
  }
  stored.set(SCORE, { shape: [head.labels, width], values: async () => head.values });
  return { settings, stored, fed: [SCORE] };
}
