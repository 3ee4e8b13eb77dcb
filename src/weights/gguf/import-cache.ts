/** Where imports are kept, and whether one still stands for its .gguf. */
import { createHash } from "node:crypto";
import { readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import { hasCode } from "../../util/errors.ts";
import type { GgufHeader } from "./header.ts";

/** Rises whenever an import of the same file would come out differently. */
const IMPORT_VERSION = 1;
const ORIGIN = "origin.json";
/** Enough to tell files of the same name apart. */
const HASH_DIGITS = 12;

interface Origin {
  source: string;
  size: number;
  mtimeMs: number;
  headerSha256: string;
  /** `general.file_type`, llama.cpp's number for the mix of quantisations. */
  fileType: number | null;
  importVersion: number;
}

export function defaultCacheDir(): string {
  const root = process.env["RETUNE_CACHE"] ?? path.join(homedir(), ".cache", "retune");
  return path.join(root, "gguf");
}

/** @param source the file's real path */
export function cacheFolder(cacheDir: string, source: string): string {
  const name = path.basename(source, path.extname(source)).replaceAll(/[^\w.-]/gu, "_");
  const hash = createHash("sha256").update(source).digest("hex").slice(0, HASH_DIGITS);
  return path.join(path.resolve(cacheDir), `${name}-${hash}`);
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
    const json: unknown = JSON.parse(await readFile(path.join(dir, ORIGIN), "utf8"));
    return typeof json === "object" && json !== null ? json : undefined;
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

/** Removes what imports of the same file left behind that were killed half-way. */
export async function removeAbandoned(dir: string): Promise<void> {
  const parent = path.dirname(dir);
  const names = await readdir(parent).catch((error: unknown) => {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  });
  for (const name of names) {
    // As `replaceFolder` names them: DIR.PID-UNIQUE.tmp
    const [, base, pid] = /^(.*)\.(\d+)-[0-9a-f]+\.(?:tmp|old)$/u.exec(name) ?? [];
    const left = path.join(parent, name);
    if (base === path.basename(dir) && (await isAbandoned(left, Number(pid)))) {
      await rm(left, { recursive: true, force: true });
    }
  }
}

async function isAbandoned(folder: string, pid: number): Promise<boolean> {
  if (pid === process.pid) {
    // Containers give the same id at each start: it is ours only if it is younger than we are.
    const found = await stat(folder).catch(() => undefined);
    return found !== undefined && found.mtimeMs < Date.now() - process.uptime() * 1000;
  }
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return hasCode(error, "ESRCH");
  }
}
