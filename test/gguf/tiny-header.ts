import type { MetadataValue } from "../../src/gguf/header-cursor.ts";
import type { GgufHeader } from "../../src/gguf/header.ts";

/** A header with this metadata and no tensors, as it is read of a file. */
export function tinyHeader(metadata: Readonly<Record<string, MetadataValue>>): GgufHeader {
  return {
    file: "/models/tiny.gguf",
    size: 0,
    mtimeMs: 0,
    metadata: new Map(Object.entries(metadata)),
    tensors: new Map(),
    headerSha256: "",
  };
}
