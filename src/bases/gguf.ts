import { isGgufName, withoutGguf } from "../gguf/file-name.ts";
import { checkImport, importedFiles } from "../gguf/import-cache.ts";
import { importGguf } from "../families/import-gguf.ts";
import type { BaseKind } from "./base-kind.ts";
import { isFolder } from "./folder.ts";

/** llama.cpp's: loaded from its dequantised copy in the cache, made on first use. */
export const gguf: BaseKind = {
  name: "gguf",
  isAt: isGgufName,
  label: withoutGguf,
  hasOwnTensorNames: true,
  offered: { extension: "gguf", title: "GGUF" },
  loadedAs: "its dequantised weights",
  copy: { files: importedFiles, check: checkImport },
  load: async (reference, log) => {
    const { location } = reference;
    return (await isFolder(reference)) ? location : importGguf(location, { log });
  },
};
