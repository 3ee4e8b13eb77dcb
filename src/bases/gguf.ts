import { isGgufName, withoutGguf } from "../gguf/file-name.ts";
import type { BaseKind } from "./base-kind.ts";

/** llama.cpp's. */
export const gguf: BaseKind = {
  name: "gguf",
  isAt: isGgufName,
  label: withoutGguf,
  hasOwnTensorNames: true,
  offered: { extension: "gguf", title: "GGUF" },
  loadedAs: "its dequantised weights",
};
