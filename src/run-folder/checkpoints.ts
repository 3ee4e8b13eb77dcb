/**
 * A run's checkpoint folders, whatever an engine keeps in them: each appears by rename, whole or not
 * at all, and lists the SHA-256 of its files.
 */
import { readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import { InputError, hasCode, isDiskFull } from "../util/errors.ts";
import { startHashing } from "../util/hash-files.ts";
import { checkJson, readJsonIfThere } from "../util/json.ts";
import { replaceFolder } from "../util/replace-folder.ts";

/** SHA-256 in hex of every other file of the folder, by name. */
const HASHES_FILE = "sha256.json";
/** A name that leads out of the folder is none of ours. */
const hashesSchema = z.record(
  z.string().refine((name) => path.basename(name) === name, "names a file outside the folder"),
  z.string(),
);
const FOLDER_NAME = /^step-(\d+)$/u;
const STEP_DIGITS = 6;

export interface CheckpointFolder {
  dir: string;
  /** Optimizer steps done. */
  step: number;
}

export interface CheckpointContent {
  /** Writes files into the folder given, which it may make anew. */
  write: (dir: string) => Promise<void>;
  /**
   * Writes the largest ones, while those of `write` are hashed by a thread.
   * @returns SHA-256 in hex of each, by name
   */
  writeHashed?: (dir: string) => Promise<Record<string, string>>;
}

export function checkpointName(step: number): string {
  return `step-${String(step).padStart(STEP_DIGITS, "0")}`;
}

/**
 * Newest first; none where the folder does not exist.
 * @param dir `checkpoints` of a run
 */
export async function listCheckpoints(dir: string): Promise<CheckpointFolder[]> {
  const names = await readdir(dir).catch((error: unknown) => {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  });
  return names
    .flatMap((name) => {
      const step = FOLDER_NAME.exec(name)?.[1];
      return step === undefined ? [] : [{ dir: path.join(dir, name), step: Number(step) }];
    })
    .toSorted((a, b) => b.step - a.step);
}

/** Whether a run goes on rather than begins. */
export async function hasCheckpoint(dir: string): Promise<boolean> {
  return (await listCheckpoints(dir)).length > 0;
}

/** @throws InputError when the disk is full; earlier checkpoints are as they were */
export async function writeCheckpointFolder(
  dir: string,
  step: number,
  { write, writeHashed }: CheckpointContent,
): Promise<void> {
  const folder = path.join(dir, checkpointName(step));
  try {
    await replaceFolder(folder, async (temporary) => {
      await write(temporary);
      await writeHashes(temporary, writeHashed);
    });
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    throw new InputError(
      `${folder}: no space left on the disk for this checkpoint; earlier ones are whole: free some space, then resume`,
      { cause: error },
    );
  }
}

async function writeHashes(
  dir: string,
  writeHashed: CheckpointContent["writeHashed"],
): Promise<void> {
  const names = await readdir(dir);
  const others = startHashing(names.map((name) => path.join(dir, name)));
  try {
    const hashes: Record<string, string> = { ...(await writeHashed?.(dir)) };
    const found = await others.hashes;
    for (const name of names) {
      const known = found[path.join(dir, name)];
      if (known !== undefined) hashes[name] = known;
    }
    const text = JSON.stringify(hashes, null, 2);
    await writeFile(path.join(dir, HASHES_FILE), text, { flush: true });
  } finally {
    await others.stop();
  }
}

/**
 * A disk, a copy or an editor may change bytes that every parser takes for numbers.
 * @throws InputError naming the file; checkpoints of versions that kept no hashes pass
 */
export async function checkHashes(dir: string): Promise<void> {
  const file = path.join(dir, HASHES_FILE);
  const json = await readJsonIfThere(file);
  if (!json) return;
  const expected = checkJson(json.value, hashesSchema, file);
  const now = startHashing(Object.keys(expected).map((name) => path.join(dir, name)));
  try {
    const found = await now.hashes;
    for (const [name, hash] of Object.entries(expected)) {
      const actual = found[path.join(dir, name)];
      if (actual === hash) continue;
      const what = actual === undefined ? "is missing" : "has changed since it was written";
      throw new InputError(`${path.join(dir, name)} ${what} (SHA-256)`);
    }
  } finally {
    await now.stop();
  }
}

/**
 * Keeps the newest and the best up to `step`, the one just written. Later ones are those that were found broken
 * when the run went back to an earlier one: counted, they would push out what is whole.
 */
export async function pruneCheckpoints(
  dir: string,
  { step: now, keep, bestStep }: { step: number; keep: number; bestStep: number | undefined },
): Promise<void> {
  const checkpoints = await listCheckpoints(dir);
  const kept = checkpoints.filter(({ step }) => step <= now).slice(0, keep);
  for (const checkpoint of checkpoints) {
    if (kept.includes(checkpoint) || checkpoint.step === bestStep) continue;
    await rm(checkpoint.dir, { recursive: true, force: true });
  }
}
