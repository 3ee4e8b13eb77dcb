/**
 * Retune's own folder of a representation fine-tuning: reft_config.json, and reft_model.safetensors
 * with the float32 tensors layers.<L>.<unit>.rotate [d, r], .weight [r, d] and .bias [r], and where
 * rows are labelled score.weight [labels, d], whose labels classifier.json names. Unlike pyreft's
 * files (pyreft-folder.ts) it says what the numbers are for: base, positions, dropout.
 */
import { stat, writeFile } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import { InputError, InternalError } from "../../util/errors.ts";
import { pathExists } from "../../util/path-exists.ts";
import { isFloatDType } from "../../tensors/dtype.ts";
import { readJsonObject } from "../../util/json.ts";
import { adapterFolder } from "../peft/folder.ts";
import { replaceFolder } from "../../util/replace-folder.ts";
import {
  type TensorInfo,
  type TensorToWrite,
  readSafetensorsHeader,
  readTensor,
  writeSafetensors,
} from "../../tensors/safetensors.ts";
import type { ReftHead, ReftWeights } from "./intervention.ts";
import { parsePositions } from "./positions.ts";

const CONFIG_FILE = "reft_config.json";
const WEIGHTS_FILE = "reft_model.safetensors";
const HEAD = "score.weight";
const FORMAT_VERSION = 1;
/** Two for each layer of the deepest models, many times over. */
const MAX_INTERVENTIONS = 10_000;
const PARTS = ["rotate", "weight", "bias"] as const;

const siteSchema = z.object({
  layer: z.int().min(0),
  /** 0 is for the first positions, 1 for the last; one that is for both is 0. */
  unit: z.int().min(0).max(1),
  type: z.enum(["loreft", "direft", "noreft"]),
  rank: z.int().min(1),
});

const configSchema = z.object({
  formatVersion: z.literal(FORMAT_VERSION),
  /** The base model's name or path. */
  baseModel: z.string(),
  /** As in positions.ts: "f7+l7" */
  positions: z.string(),
  /** One intervention a layer serves first and last positions alike; pyreft's share_weights. */
  tied: z.boolean(),
  /** Applies to the whole h', in training. */
  dropout: z.number().min(0).lt(1),
  interventions: z.array(siteSchema).min(1).max(MAX_INTERVENTIONS),
});

export type ReftConfig = z.output<typeof configSchema>;

export interface ReftIntervention extends ReftWeights {
  layer: number;
  unit: number;
}

export interface ReftAdapter {
  dir: string;
  config: ReftConfig;
  /** In the order of `config.interventions`. */
  interventions: readonly ReftIntervention[];
  /** Only a classifier has one. */
  head: ReftHead | undefined;
  /** Size of the weight file. */
  bytes: number;
}

type Site = z.output<typeof siteSchema>;

export function isReftAdapter(given: string): Promise<boolean> {
  return pathExists(path.join(adapterFolder(given), CONFIG_FILE));
}

/** @throws InputError naming the file and the key or tensor that is wrong */
export async function readReftAdapter(given: string): Promise<ReftAdapter> {
  const dir = adapterFolder(given);
  const file = path.join(dir, CONFIG_FILE);
  const config = parseConfig(await readJsonObject(file), file);
  const weights = path.join(dir, WEIGHTS_FILE);
  const { tensors } = await readSafetensorsHeader(weights);
  const known = new Set(config.interventions.flatMap((site) => PARTS.map(tensorName(site))));
  for (const name of tensors.keys()) {
    if (!known.has(name) && name !== HEAD) {
      throw new InputError(`${weights}: tensor ${name} is of no intervention in ${CONFIG_FILE}`);
    }
  }
  const [firstName = ""] = known;
  const width = tensors.get(firstName)?.shape[0] ?? 0;
  const interventions: ReftIntervention[] = [];
  for (const site of config.interventions) {
    const infos = siteTensors(site, { tensors, width, file: weights });
    const [rotate, weight, bias] = await Promise.all(infos.map(readTensor));
    if (!rotate || !weight || !bias) throw new InternalError("an intervention has three tensors");
    interventions.push({ ...site, rotate, weight, bias });
  }
  const { size: bytes } = await stat(weights);
  return { dir, config, interventions, head: await readHead(tensors.get(HEAD), width), bytes };
}

async function readHead(
  info: TensorInfo | undefined,
  width: number,
): Promise<ReftHead | undefined> {
  if (!info) return undefined;
  const [labels = 0] = info.shape;
  checkTensor(info, [labels, width]);
  return { labels, values: await readTensor(info) };
}

/** In the order of PARTS. */
function siteTensors(
  site: Site,
  {
    tensors,
    width,
    file,
  }: { tensors: ReadonlyMap<string, TensorInfo>; width: number; file: string },
): TensorInfo[] {
  const shapes = shapesOf(site.rank, width);
  return PARTS.map((part, i) => {
    const name = tensorName(site)(part);
    const info = tensors.get(name);
    if (!info) {
      throw new InputError(`${file}: tensor ${name}, which ${CONFIG_FILE} calls for, is missing`);
    }
    checkTensor(info, shapes[i] ?? []);
    return info;
  });
}

function parseConfig(json: Record<string, unknown>, file: string): ReftConfig {
  const { formatVersion: version } = json;
  if (typeof version === "number" && version > FORMAT_VERSION) {
    throw new InputError(
      `${file}: formatVersion is ${version}, this Retune reads ${FORMAT_VERSION}; use a newer Retune`,
    );
  }
  const parsed = configSchema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new InputError(`${file}: ${issue?.path.join(".")}: ${issue?.message}`);
  }
  const problem = configProblem(parsed.data, file);
  if (problem) throw new InputError(`${file}: ${problem}`);
  return parsed.data;
}

/** Which units a layer has follows from positions and tied: none may lack, or be there twice. */
function configProblem({ positions, tied, interventions }: ReftConfig, file: string) {
  const { first, last } = positionCounts(positions, file);
  const units = !tied && first > 0 && last > 0 ? "0, 1" : "0";
  const byLayer = new Map<number, number[]>();
  for (const { layer, unit } of interventions) {
    byLayer.set(layer, [...(byLayer.get(layer) ?? []), unit]);
  }
  for (const [layer, found] of byLayer) {
    if (found.toSorted((a, b) => a - b).join(", ") !== units) {
      return `interventions of layer ${layer} have the units ${found.join(", ")}, expected ${units}: positions are ${JSON.stringify(positions)} and tied is ${tied}`;
    }
  }
  return undefined;
}

function positionCounts(positions: string, file: string) {
  try {
    return parsePositions(positions);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(`${file}: ${error.message}`, { cause: error });
  }
}

function tensorName({ layer, unit }: { layer: number; unit: number }) {
  return (part: (typeof PARTS)[number]) => `layers.${layer}.${unit}.${part}`;
}

/** In the order of PARTS. */
function shapesOf(rank: number, width: number): readonly (readonly number[])[] {
  return [[width, rank], [rank, width], [rank]];
}

function checkTensor({ file, name, shape, dtype }: TensorInfo, expected: readonly number[]): void {
  if (!isFloatDType(dtype)) {
    throw new InputError(`${file}: tensor ${name} is ${dtype}, expected F32, F16 or BF16`);
  }
  if (shape.join() !== expected.join()) {
    throw new InputError(
      `${file}: tensor ${name} is [${shape.join(", ")}], expected [${expected.join(", ")}] by ${CONFIG_FILE} and the first intervention's width`,
    );
  }
}

/** What stands beside the interventions where rows are labelled. */
interface HeadToWrite extends ReftHead {
  /** Text files, by name: what the rows of the head are called. */
  files: Readonly<Record<string, string>>;
}

/**
 * @param config all but what the interventions themselves say
 * @throws what the file system throws; the folder then is as it was before
 */
export async function writeReftAdapter(
  dir: string,
  config: Omit<ReftConfig, "formatVersion" | "interventions">,
  interventions: readonly ReftIntervention[],
  head?: HeadToWrite,
): Promise<void> {
  const sites = interventions.map(({ layer, unit, type, rank }) => ({ layer, unit, type, rank }));
  const whole = { formatVersion: FORMAT_VERSION, ...config, interventions: sites };
  const problem = configProblem(configSchema.parse(whole), CONFIG_FILE);
  if (problem) throw new InternalError(problem);
  await replaceFolder(dir, async (temporary) => {
    const ofHead = head ? [headToWrite(head)] : [];
    const tensors = [...interventions.flatMap(tensorsToWrite), ...ofHead];
    await writeSafetensors(path.join(temporary, WEIGHTS_FILE), tensors, { format: "pt" });
    const json = `${JSON.stringify(whole, null, 2)}\n`;
    for (const [name, text] of Object.entries({ ...head?.files, [CONFIG_FILE]: json })) {
      await writeFile(path.join(temporary, name), text, { flush: true });
    }
  });
}

function headToWrite({ labels, values }: ReftHead): TensorToWrite {
  return {
    name: HEAD,
    dtype: "F32",
    shape: [labels, values.length / labels],
    data: bytesOf(values),
  };
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function tensorsToWrite(intervention: ReftIntervention): TensorToWrite[] {
  const { rank, rotate } = intervention;
  const shapes = shapesOf(rank, rotate.length / rank);
  return PARTS.map((part, i) => {
    const data = bytesOf(intervention[part]);
    return { name: tensorName(intervention)(part), dtype: "F32", shape: shapes[i] ?? [], data };
  });
}
