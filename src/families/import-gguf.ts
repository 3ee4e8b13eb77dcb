/** Which .gguf files become base models: those of families whose config.json and tensors are known. */
import type { GgufFamily } from "../gguf/gguf-family.ts";
import { type ImportOptions, importWith } from "../gguf/import.ts";
import { Registry } from "../util/registry.ts";
import { llamaGguf } from "./llama-gguf.ts";
import { qwen2Gguf } from "./qwen2-gguf.ts";

/** By `general.architecture`. */
export const ggufFamilies = new Registry<GgufFamily>("general.architecture", [
  llamaGguf,
  qwen2Gguf,
]);

/**
 * @returns the folder of a .gguf's import, made now unless a current one is in the cache
 * @throws InputError naming the file and the key or tensor that is broken or not supported
 */
export function importGguf(file: string, options: ImportOptions = {}): Promise<string> {
  return importWith(ggufFamilies, file, options);
}
