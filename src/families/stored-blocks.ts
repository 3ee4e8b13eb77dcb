/** The blocks of a checkpoint as it is stored, in transformers' names or in a .gguf's. */
import type { BlockOf } from "../util/tensor-patterns.ts";
import { familyOf } from "./registry.ts";

/** llama.cpp's, whatever the family. */
const GGUF_BLOCK = /^(blk\.)(\d+)\.(.+)$/u;

/** @param modelType of either: config.json's model_type, general.architecture */
export function storedBlockOf(modelType: string | undefined): BlockOf {
  const { blockOf } = familyOf({ model_type: modelType });
  return (name) => {
    const [, stem, index, inner = ""] = GGUF_BLOCK.exec(name) ?? [];
    return stem === undefined ? blockOf(name) : { stem, index: Number(index), inner };
  };
}
