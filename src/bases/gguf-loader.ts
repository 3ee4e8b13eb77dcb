import { checkImport, importedFiles } from "../gguf/import-cache.ts";
import { importGguf } from "../families/import-gguf.ts";
import type { BaseLoader } from "./base-kind.ts";
import { isFolder } from "./folder.ts";
import { gguf } from "./gguf.ts";

/** From its dequantised copy in the cache, made on first use. */
export const ggufLoader: BaseLoader = {
  name: gguf.name,
  load: async (reference, log) => {
    const { location } = reference;
    return (await isFolder(reference)) ? location : importGguf(location, { log });
  },
  copy: { files: importedFiles, check: checkImport },
};
