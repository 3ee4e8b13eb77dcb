/**
 * Files known by their hashes, and by a stamp of the file system's as long as that says that nobody has written to
 * them since: size, both times, inode. The time of change can't be set back.
 */
import { stat } from "node:fs/promises";
import * as z from "zod";
import { startHashing } from "../util/hash-files.ts";

export const stampedFileSchema = z.object({ sha256: z.string(), stamp: z.string() });

export type StampedFile = z.output<typeof stampedFileSchema>;

/** Changes whenever a file is written to, also where its size and time of modification are made to look alike. */
export async function stampOf(file: string): Promise<string> {
  const { size, mtimeNs, ctimeNs, ino } = await stat(file, { bigint: true });
  return [size, mtimeNs, ctimeNs, ino].join(" ");
}

export type StampedFiles = Readonly<Record<string, StampedFile>>;

/**
 * @param hashes sha256 by path
 * @returns the files as they are now, by path; the hashes must be of what is there
 */
export async function stampFiles(
  hashes: Readonly<Record<string, string>>,
): Promise<Record<string, StampedFile>> {
  const stamped: Record<string, StampedFile> = {};
  for (const [file, sha256] of Object.entries(hashes)) {
    stamped[file] = { sha256, stamp: await stampOf(file) };
  }
  return stamped;
}

/**
 * Whether files are still what they were; only those with another stamp are read.
 * @returns the first that is not, or is gone; undefined when all are, then with their stamps of now
 */
export async function compareFiles(
  files: StampedFiles,
): Promise<{ changed: string } | { changed: undefined; now: StampedFiles; isTouched: boolean }> {
  const stamps = new Map<string, string>();
  for (const file of Object.keys(files)) {
    const stamp = await stampOf(file).catch(() => undefined);
    if (stamp === undefined) return { changed: file };
    stamps.set(file, stamp);
  }
  const touched = [...stamps.keys()].filter((file) => stamps.get(file) !== files[file]?.stamp);
  const hashes = touched.length > 0 ? await startHashing(touched).hashes : {};
  const changed = touched.find((file) => hashes[file] !== files[file]?.sha256);
  if (changed !== undefined) return { changed };
  const now = Object.entries(files).map(
    ([file, { sha256 }]) => [file, { sha256, stamp: stamps.get(file) ?? "" }] as const,
  );
  return { changed: undefined, now: Object.fromEntries(now), isTouched: touched.length > 0 };
}
