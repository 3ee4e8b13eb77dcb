/** Whether a cached import still stands for its .gguf. */
import { stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { readJsonObject } from "../../util/json.ts";
import type { GgufHeader } from "./header.ts";

/** Rises whenever an import of the same file would come out differently. */
const IMPORT_VERSION = 2;
const ORIGIN = "origin.json";

interface Origin {
  source: string;
  size: number;
  mtimeMs: number;
  headerSha256: string;
  /** `general.file_type`, llama.cpp's number for the mix of quantisations. */
  fileType: number | null;
  importVersion: number;
}

/** Whether the folder is a whole import of the file as it is now, by this version. */
export async function isCurrent(dir: string, source: string): Promise<boolean> {
  const origin = await readOrigin(dir);
  if (!origin) return false;
  const { size, mtimeMs } = await stat(source);
  return (
    origin.importVersion === IMPORT_VERSION &&
    origin.source === source &&
    origin.size === size &&
    origin.mtimeMs === mtimeMs
  );
}

async function readOrigin(dir: string): Promise<Partial<Origin> | undefined> {
  try {
    return await readJsonObject(path.join(dir, ORIGIN));
  } catch {
    // Missing, unreadable or broken: all mean that the import is made anew.
    return undefined;
  }
}

export async function writeOrigin(dir: string, header: GgufHeader): Promise<void> {
  const { file, size, mtimeMs, headerSha256, metadata } = header;
  const fileType = metadata.get("general.file_type");
  const origin: Origin = {
    source: file,
    size,
    mtimeMs,
    headerSha256,
    fileType: typeof fileType === "number" ? fileType : null,
    importVersion: IMPORT_VERSION,
  };
  await writeFile(path.join(dir, ORIGIN), `${JSON.stringify(origin, null, 2)}\n`);
}
