/**
 * Whether a cached import still stands for its .gguf. Both are known by their hashes. As long as the system
 * says that no one has written to them since (size, both times, inode; the time of change can't be set
 * back), they are not read again; a training run hashes them all the same, beside its compilation.
 */
import { readdir } from "node:fs/promises";
import path from "node:path";
import writeFileAtomic from "write-file-atomic";
import * as z from "zod";
import { InputError } from "../util/errors.ts";
import { startHashing } from "../util/hash-files.ts";
import { checkJson, readJson } from "../util/json.ts";
import { stampOf, stampedFileSchema } from "../tensors/stamped-file.ts";
import type { GgufHeader } from "./header.ts";

/** Rises whenever an import of the same file would come out differently. */
const IMPORT_VERSION = 2;
const ORIGIN = "origin.json";

const originSchema = z.object({
  source: z.string(),
  headerSha256: z.string(),
  /** `general.file_type`, llama.cpp's number for the mix of quantisations. */
  fileType: z.number().nullable(),
  importVersion: z.literal(IMPORT_VERSION),
  sourceFile: stampedFileSchema,
  /** The import's files, by name. */
  files: z.record(z.string(), stampedFileSchema),
});

type Origin = z.output<typeof originSchema>;

/**
 * Whether the folder is a whole import of the file as it is now, by this version.
 * @param log gets why it is not, where there is one
 */
export async function isCurrent(
  dir: string,
  source: string,
  log: (line: string) => void,
): Promise<boolean> {
  const origin = await readOrigin(dir);
  if (origin?.source !== source) return false;
  const now = { sourceFile: await stampOf(source), files: await stampsOf(dir) };
  const names = Object.keys(origin.files);
  const isWhole = names.toSorted().join("/") === Object.keys(now.files).toSorted().join("/");
  const isUntouched =
    origin.sourceFile.stamp === now.sourceFile &&
    names.every((name) => origin.files[name]?.stamp === now.files[name]);
  if (isWhole && isUntouched) return true;
  const hashes = await startHashing([source, ...names.map((name) => path.join(dir, name))]).hashes;
  const changed =
    hashes[source] === origin.sourceFile.sha256
      ? changedFile(dir, origin, hashes)
      : `${source} has changed`;
  if (changed === undefined && isWhole) {
    // Copied or touched, and what it was.
    await writeOriginFile(dir, restamped(origin, now));
    return true;
  }
  log(
    `${changed ?? `${dir} holds other files than it did`} since it was imported; it is imported anew`,
  );
  return false;
}

function restamped(
  origin: Origin,
  now: { sourceFile: string; files: Readonly<Record<string, string>> },
): Origin {
  const files = Object.entries(origin.files).map(
    ([name, file]) => [name, { ...file, stamp: now.files[name] ?? "" }] as const,
  );
  return {
    ...origin,
    sourceFile: { ...origin.sourceFile, stamp: now.sourceFile },
    files: Object.fromEntries(files),
  };
}

function changedFile(
  dir: string,
  { files }: Origin,
  hashes: Readonly<Record<string, string>>,
): string | undefined {
  const name = Object.keys(files).find((one) => files[one]?.sha256 !== hashes[path.join(dir, one)]);
  return name === undefined ? undefined : `${path.join(dir, name)} has changed`;
}

/** The files of an import, for whoever hashes them; none for a folder that is no import. */
export async function importedFiles(dir: string): Promise<string[]> {
  const origin = await readOrigin(dir);
  return origin ? Object.keys(origin.files).map((name) => path.join(dir, name)) : [];
}

/** @throws InputError for an import with a file that is not what was imported */
export async function checkImport(
  dir: string,
  hashes: Readonly<Record<string, string>>,
): Promise<void> {
  const origin = await readOrigin(dir);
  const changed = origin && changedFile(dir, origin, hashes);
  if (changed === undefined) return;
  throw new InputError(
    `${changed} since ${origin?.source} was imported; delete ${dir}, and it is imported anew`,
  );
}

async function readOrigin(dir: string): Promise<Origin | undefined> {
  try {
    return checkJson(await readJson(path.join(dir, ORIGIN)), originSchema, ORIGIN);
  } catch {
    // Missing, unreadable, broken or of another version: all mean that the import is made anew.
    return undefined;
  }
}

async function stampsOf(dir: string): Promise<Record<string, string>> {
  const stamps: Record<string, string> = {};
  for (const name of await readdir(dir)) {
    if (name !== ORIGIN) stamps[name] = await stampOf(path.join(dir, name));
  }
  return stamps;
}

/**
 * @param dir with all files of the import in it, whole
 * @param known sha256 of those that were hashed as they were written, by name: they are not read again
 */
export async function writeOrigin(
  dir: string,
  { file, headerSha256, metadata }: GgufHeader,
  sourceSha256: string,
  known: Readonly<Record<string, string>>,
): Promise<void> {
  const fileType = metadata.get("general.file_type");
  const stamps = await stampsOf(dir);
  const others = Object.keys(stamps).filter((name) => known[name] === undefined);
  const hashes = await startHashing(others.map((name) => path.join(dir, name))).hashes;
  const files = Object.entries(stamps).map(([name, stamp]) => {
    return [name, { sha256: known[name] ?? hashes[path.join(dir, name)] ?? "", stamp }] as const;
  });
  await writeOriginFile(dir, {
    source: file,
    headerSha256,
    fileType: typeof fileType === "number" ? fileType : null,
    importVersion: IMPORT_VERSION,
    sourceFile: { sha256: sourceSha256, stamp: await stampOf(file) },
    files: Object.fromEntries(files),
  });
}

function writeOriginFile(dir: string, origin: Origin): Promise<void> {
  return writeFileAtomic(path.join(dir, ORIGIN), `${JSON.stringify(origin, null, 2)}\n`);
}
