import { readdir } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import { InputError } from "../util/errors.ts";
import { pathExists } from "../util/path-exists.ts";
import { checkJson, readJsonObject } from "../util/json.ts";
import { type TensorInfo, readSafetensorsHeader } from "./safetensors.ts";

const SINGLE_FILE = "model.safetensors";
export const INDEX_FILE = "model.safetensors.index.json";

/** No separator of any system: an index must not lead out of its folder. */
const SHARD_NAME = /^[^/\\:]+\.safetensors$/;

const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

/**
 * All tensors of a Hugging Face folder, from one file or from the shards that its index names.
 * @throws InputError naming the shard or tensor that is missing, or the file that is broken
 */
export async function readModelWeights(dir: string): Promise<ReadonlyMap<string, TensorInfo>> {
  // transformers too takes the single file where there are both.
  const single = path.join(dir, SINGLE_FILE);
  if (await pathExists(single)) return (await readSafetensorsHeader(single)).tensors;
  const index = path.join(dir, INDEX_FILE);
  if (await pathExists(index)) return readShards(dir, index);
  const names = await readdir(dir).catch(() => []);
  const pickle = names.find((name) => /^pytorch_model.*\.bin$/.test(name));
  throw new InputError(
    pickle
      ? `${dir} has its weights as ${pickle} only, a pickle that can run code; save the model as safetensors`
      : `${dir} has neither ${SINGLE_FILE} nor ${INDEX_FILE}`,
  );
}

async function readShards(dir: string, index: string): Promise<ReadonlyMap<string, TensorInfo>> {
  const map = await readIndex(index);
  const tensors = new Map<string, TensorInfo>();
  for (const shard of new Set(map.values())) {
    const file = path.join(dir, shard);
    if (!(await pathExists(file))) {
      throw new InputError(`${file} is missing, though ${INDEX_FILE} names it as a shard`);
    }
    const header = await readSafetensorsHeader(file);
    for (const [name, info] of header.tensors) {
      const stated = map.get(name);
      if (stated === shard) tensors.set(name, info);
      else if (stated !== undefined) {
        throw new InputError(
          `${file}: tensor ${name} is in this shard, though ${INDEX_FILE} places it in ${stated}`,
        );
      }
    }
  }
  for (const [name, shard] of map) {
    if (!tensors.has(name)) {
      throw new InputError(
        `${path.join(dir, shard)}: tensor ${name} is missing, though ${INDEX_FILE} places it there`,
      );
    }
  }
  return tensors;
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
