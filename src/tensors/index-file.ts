/** The index of a model in several files, as transformers writes it. */
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { INDEX_FILE } from "./model-weights.ts";
import { type TensorShape, totalBytes } from "./safetensors.ts";
import { elementCount } from "../util/element-count.ts";

/** @param shards the tensors of each file, by its path or name */
export async function writeIndexFile(
  dir: string,
  shards: Iterable<readonly [file: string, tensors: readonly TensorShape[]]>,
): Promise<void> {
  const entries = [...shards].flatMap(([file, tensors]) =>
    tensors.map((tensor) => ({ file: path.basename(file), tensor })),
  );
  const tensors = entries.map(({ tensor }) => tensor);
  const metadata = {
    total_parameters: tensors.reduce((sum, { shape }) => sum + elementCount(shape), 0),
    total_size: totalBytes(tensors),
  };
  const weight_map = Object.fromEntries(
    entries
      .map(({ file, tensor }): [string, string] => [tensor.name, file])
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
  const text = `${JSON.stringify({ metadata, weight_map }, null, 2)}\n`;
  await writeFile(path.join(dir, INDEX_FILE), text, { flush: true });
}
