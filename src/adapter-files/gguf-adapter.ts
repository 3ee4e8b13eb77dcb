import { readGgufAdapter } from "../gguf/adapter.ts";
import { isGgufName } from "../gguf/file-name.ts";
import type { AdapterFormat } from "./format.ts";

/** An adapter of llama.cpp: what it is can be told, though Retune does not compute it. */
export const GGUF_ADAPTER: AdapterFormat = {
  name: "llama.cpp",
  owns: async (file) => isGgufName(file),
  summarise: async (file) => {
    const { rank, alpha, base, ...facts } = await readGgufAdapter(file);
    return {
      method: "LoRA for llama.cpp",
      ...facts,
      ...(rank === undefined ? {} : { rank }),
      ...(alpha === undefined ? {} : { alpha }),
      ...(base === undefined ? {} : { base }),
    };
  },
};
