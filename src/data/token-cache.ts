/**
 * Tokenised data files, kept in the user's cache under the hash of all that their tokens depend on: a
 * run that goes on, or another one on the same data, starts without rendering and tokenising again.
 */
import { createHash } from "node:crypto";
import type { Stats } from "node:fs";
import { mkdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import path from "node:path";
import { defaultCacheDir } from "../util/cache-root.ts";
import { startHashing } from "../util/hash-files.ts";
import { pruneCache } from "../util/prune-cache.ts";
import { temporaryName } from "../util/temporary-name.ts";
import { RETUNE_VERSION } from "../util/version.ts";
import { type StoredDataset, readDataset, writeDataset } from "./dataset-file.ts";

/** A hash of the sources that rows pass through on their way to tokens; undefined where they run unbundled. */
const CODE = process.env["RETUNE_DATA_CODE"];
/** Smaller data files are tokenised faster than their sources are hashed. */
const MIN_DATA_BYTES = 2 ** 18;

export interface TokenSources {
  /** The data file. */
  data: string;
  /** Files that the tokenizer and the chat template are made of; some may be missing. */
  tokenizer: readonly string[];
  /** Whatever else decides about ids and masks. */
  options: Readonly<Record<string, unknown>>;
}

/**
 * What `make` gives, or gave before.
 * @throws what `make` throws; a cache that can't be read or written is none
 */
export async function cachedDataset(
  sources: TokenSources,
  make: () => Promise<StoredDataset>,
): Promise<StoredDataset> {
  const before = await keptStats(sources.data);
  if (!before) return make();
  const file = await cacheFile(sources).catch(() => undefined);
  if (file === undefined) return make();
  const found = await readDataset(file).catch(() => undefined);
  if (found) {
    const now = new Date();
    await utimes(file, now, now).catch(() => {});
    return found;
  }
  const made = await make();
  const after = await stat(sources.data).catch(() => undefined);
  // Changed while it was read: nobody knows which bytes these are the tokens of.
  const isSame = after?.mtimeMs === before.mtimeMs && after.size === before.size;
  if (isSame) await keep(file, made).catch(() => {});
  return made;
}

/** Whether the tokens of a data file are kept, or looked for. */
export async function keepsTokens(data: string): Promise<boolean> {
  return (await keptStats(data)) !== undefined;
}

/** The stamp of a data file whose tokens are kept. */
async function keptStats(data: string): Promise<Stats | undefined> {
  // Sources change from one minute to the next: their tokens are kept only where that is asked for.
  if (CODE === undefined && process.env["RETUNE_CACHE"] === undefined) return undefined;
  const found = await stat(data).catch(() => undefined);
  return found?.isFile() && found.size >= MIN_DATA_BYTES ? found : undefined;
}

async function cacheFile({ data, tokenizer, options }: TokenSources): Promise<string> {
  const hashes = await startHashing([data, ...tokenizer]).hashes;
  const key = {
    code: CODE,
    retune: RETUNE_VERSION,
    data: hashes[data],
    tokenizer: tokenizer.map((file) => [path.basename(file), hashes[file] ?? null]),
    options,
    date: await dateOf(tokenizer),
  };
  if (key.data === undefined) throw new Error("the data file is gone");
  const name = createHash("sha256").update(JSON.stringify(key)).digest("hex");
  return path.join(defaultCacheDir("tokens"), `${name}.tokens`);
}

/** The day, where a template may print it. */
async function dateOf(files: readonly string[]): Promise<string | null> {
  const templates = files.filter((file) => /\.jinja$|tokenizer_config\.json$/u.test(file));
  for (const file of templates) {
    const text = await readFile(file, "utf8").catch(() => "");
    if (text.includes("strftime_now")) return new Date().toDateString();
  }
  return null;
}

async function keep(file: string, dataset: StoredDataset): Promise<void> {
  const dir = path.dirname(file);
  await mkdir(dir, { recursive: true });
  const temporary = temporaryName(file);
  try {
    await writeDataset(temporary, dataset);
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await pruneCache(dir);
}
