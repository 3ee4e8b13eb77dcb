import { readdir } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import { InputError } from "../util/errors.ts";
import { pathExists } from "../util/path-exists.ts";
import { checkJson, readJsonObject } from "../util/json.ts";
import { type TensorInfo, hasSameBytes, readSafetensorsHeader } from "./safetensors.ts";

const SINGLE_FILE = "model.safetensors";
export const INDEX_FILE = "model.safetensors.index.json";

/** No separator of any system: an index must not lead out of its folder. */
const SHARD_NAME = /^[^/\\:]+\.safetensors$/;

const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

/**
 * All tensors of a Hugging Face folder, from one file or from the shards that its index names. The shards are
 * the truth: what the index places otherwise, or doesn't list, is taken as it lies, as transformers does.
 * @param log gets where index and shards disagree
 * @throws InputError naming the shard or tensor that is missing or there twice, or the file that is broken
 */
export async function readModelWeights(
  dir: string,
  log: (line: string) => void = () => {},
): Promise<ReadonlyMap<string, TensorInfo>> {
  // transformers too takes the single file where there are both.
  const single = path.join(dir, SINGLE_FILE);
  if (await pathExists(single)) return (await readSafetensorsHeader(single)).tensors;
  const index = path.join(dir, INDEX_FILE);
  if (await pathExists(index)) return readShards(dir, { index, log });
  const names = await readdir(dir).catch(() => []);
  const pickle = names.find((name) => /^pytorch_model.*\.bin$/.test(name));
  throw new InputError(
    pickle
      ? `${dir} has its weights as ${pickle} only, a pickle that can run code; save the model as safetensors`
      : `${dir} has neither ${SINGLE_FILE} nor ${INDEX_FILE}`,
  );
}

async function readShards(
  dir: string,
  { index, log }: { index: string; log: (line: string) => void },
): Promise<ReadonlyMap<string, TensorInfo>> {
  const map = await readIndex(index);
  const tensors = new Map<string, TensorInfo>();
  const unlisted: string[] = [];
  const moved: string[] = [];
  for (const shard of new Set(map.values())) {
    const file = path.join(dir, shard);
    if (!(await pathExists(file))) {
      throw new InputError(`${file} is missing, though ${INDEX_FILE} names it as a shard`);
    }
    for (const [name, info] of (await readSafetensorsHeader(file)).tensors) {
      await refuseOther(tensors.get(name), info);
      tensors.set(name, info);
      const stated = map.get(name);
      if (stated === undefined) unlisted.push(name);
      else if (stated !== shard) moved.push(name);
    }
  }
  for (const [name, shard] of map) {
    if (!tensors.has(name)) {
      throw new InputError(
        `${path.join(dir, shard)}: tensor ${name} is missing, though ${INDEX_FILE} places it there`,
      );
    }
  }
  const say = (names: readonly string[], what: string): void => {
    const [first] = names;
    const others = names.length > 1 ? ` and ${names.length - 1} more` : "";
    if (first !== undefined) log(`${index}: tensor ${first}${others} ${what}; the shards count`);
  };
  say(unlisted, "is in a shard and not in the index");
  say(moved, "is in another shard than the index says");
  return tensors;
}

/** @throws InputError where two shards have a tensor of one name and other values */
async function refuseOther(before: TensorInfo | undefined, info: TensorInfo): Promise<void> {
  if (!before || (await hasSameBytes(before, info))) return;
  throw new InputError(
    `${info.file}: tensor ${info.name} is in ${path.basename(before.file)} too, with other values; which counts? leave it in one of the two`,
  );
}

/** The names of an index, sorted, a line each. */
export async function indexedNames(index: string): Promise<string> {
  return [...(await readIndex(index)).keys()].toSorted().join("\n");
}

/** @returns the shard of each tensor */
async function readIndex(index: string): Promise<ReadonlyMap<string, string>> {
  const { weight_map: weightMap } = checkJson(await readJsonObject(index), indexSchema, index);
  const map = new Map(Object.entries(weightMap));
  if (map.size === 0) throw new InputError(`${index}: weight_map names no tensor`);
  for (const [name, shard] of map) {
    if (!SHARD_NAME.test(shard)) {
      throw new InputError(
        `${index}: tensor ${name} is placed in ${JSON.stringify(shard)}, expected a .safetensors file of the model's own folder`,
      );
    }
  }
  return map;
}
