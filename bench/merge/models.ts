/** Pairs of synthetic models, as large as asked for. What is in the weights does not matter for time or memory. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fromFloat32 } from "../../src/tensors/dtype.ts";
import { INDEX_FILE } from "../../src/tensors/model-weights.ts";
import { writeSafetensors } from "../../src/tensors/safetensors.ts";
import { configOf } from "../train/model-folder.ts";
import { SHAPES, type LlamaShape, parameterCount, tensorShapes } from "../train/shapes.ts";

/** With bfloat16 weights they are 0.99 GB and 4.05 GB. */
const SIZES = {
  "1": SHAPES["0.5B"],
  "4": {
    hidden: 2048,
    intermediate: 8192,
    layers: 29,
    heads: 32,
    keyValueHeads: 8,
    vocabulary: 128256,
    tied: true,
  },
} as const satisfies Record<string, LlamaShape>;

export type Size = keyof typeof SIZES;

export function isSize(text: string): text is Size {
  return Object.hasOwn(SIZES, text);
}

const SHARDS = 2;
const TILE_VALUES = 2 ** 20;
const STANDARD_DEVIATION = 0.02;

export interface ModelPair {
  dirs: readonly [string, string];
  /** The size of one model. */
  bytes: number;
  largestTensorBytes: number;
}

export async function modelPair(folder: string, size: Size): Promise<ModelPair> {
  const shape = SIZES[size];
  const elements = [...tensorShapes(shape).values()].map((dims) => dims.reduce((a, b) => a * b, 1));
  const dirs = [path.join(folder, `${size}gb-a`), path.join(folder, `${size}gb-b`)] as const;
  for (const [index, dir] of dirs.entries()) await writeModel(dir, shape, index);
  return {
    dirs,
    bytes: 2 * parameterCount(shape),
    largestTensorBytes: 2 * Math.max(...elements),
  };
}

/** `config.json` comes last and so marks a whole one. */
async function writeModel(dir: string, shape: LlamaShape, phase: number): Promise<void> {
  const config = path.join(dir, "config.json");
  if (existsSync(config)) return;
  mkdirSync(dir, { recursive: true });
  console.error(`writing ${path.relative(process.cwd(), dir)}`);
  const tile = fromFloat32(
    Float32Array.from(
      { length: TILE_VALUES },
      (_, i) => STANDARD_DEVIATION * Math.sin(i * (12.9898 + phase)) * Math.cos(i * 78.233),
    ),
    "BF16",
  );
  const tensors = [...tensorShapes(shape)].map(([name, dims]) => ({
    name,
    dtype: "BF16" as const,
    shape: dims,
    data: () => tiled(tile, 2 * dims.reduce((a, b) => a * b, 1)),
  }));
  const weightMap: Record<string, string> = {};
  const each = Math.ceil(tensors.length / SHARDS);
  for (let shard = 0; shard < SHARDS; shard++) {
    const file = `model-0000${shard + 1}-of-0000${SHARDS}.safetensors`;
    const own = tensors.slice(shard * each, (shard + 1) * each);
    await writeSafetensors(path.join(dir, file), own, { format: "pt" });
    for (const { name } of own) weightMap[name] = file;
  }
  const metadata = { total_size: 2 * parameterCount(shape) };
  writeFileSync(path.join(dir, INDEX_FILE), JSON.stringify({ metadata, weight_map: weightMap }));
  writeFileSync(config, JSON.stringify(configOf(shape, "BF16"), null, 2));
}

async function* tiled(tile: Uint8Array, bytes: number): AsyncGenerator<Uint8Array> {
  for (let done = 0; done < bytes; done += tile.byteLength) {
    yield tile.subarray(0, Math.min(tile.byteLength, bytes - done));
  }
}
