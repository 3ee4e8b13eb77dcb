/**
 * Graphs as OpenVINO has compiled them, in the user's cache: a folder each, named by the hash of all that the result
 * depends on. OpenVINO reads and writes the folder (its CACHE_DIR); that a folder is whole, and what was found out about
 * the graph, is ours. docs/engine.md tells what that saves.
 */
import { mkdir, readdir, rename, rm, utimes } from "node:fs/promises";
import path from "node:path";
import writeFileAtomic from "write-file-atomic";
import * as z from "zod";
import type { CompiledModel } from "../openvino/core.ts";
import { compareFiles, stampFiles, stampedFileSchema } from "../tensors/stamped-file.ts";
import { errorMessage } from "../util/errors.ts";
import { startHashing } from "../util/hash-files.ts";
import { checkJson, readJson } from "../util/json.ts";
import { pruneCache } from "../util/prune-cache.ts";
import { temporaryName } from "../util/temporary-name.ts";
import type { KeptVerdict } from "./runtime.ts";

/** Its time of modification is that of the last use. */
const CONTENTS = "contents.json";
const VERDICT = "check.json";

/** OpenVINO's files by name. */
const contentsSchema = z.record(z.string(), stampedFileSchema);
const verdictSchema = z.object({ relativeError: z.number() });

export interface KeptCompilation {
  model: CompiledModel;
  /** Undefined where nothing could be kept. */
  verdict: KeptVerdict | undefined;
}

export interface CompiledCache {
  /** A folder for each compiled graph. */
  dir: string;
  log: (line: string) => void;
}

interface Compilation {
  /** Whatever decides about the result, as hexadecimal digits. */
  key: string;
  /** @param cacheDir what OpenVINO's CACHE_DIR is to be; undefined: it keeps nothing */
  compile: (cacheDir: string | undefined) => Promise<CompiledModel>;
}

/**
 * What `compile` gives, or gave before.
 * @throws what `compile` throws without a cache; a cache that can't be read or written is none
 */
export async function compileKept(
  { dir: root, log }: CompiledCache,
  { key, compile }: Compilation,
): Promise<KeptCompilation> {
  const dir = path.join(root, key);
  try {
    const known = (await isWhole(dir, log)) ? await load(dir, compile, log) : undefined;
    const model = known ?? (await compileInto(dir, compile));
    return { model, verdict: await verdictIn(dir) };
  } catch (error) {
    const model = await compile(undefined);
    log(`what OpenVINO compiled is not kept: ${errorMessage(error)}`);
    return { model, verdict: undefined };
  }
}

/** @returns undefined for what OpenVINO can't read */
async function load(
  dir: string,
  compile: Compilation["compile"],
  log: (line: string) => void,
): Promise<CompiledModel | undefined> {
  try {
    const model = await compile(dir);
    if (model.isFromCache) {
      const now = new Date();
      await utimes(path.join(dir, CONTENTS), now, now).catch(() => {});
    } else {
      log(`${dir} was of another build of OpenVINO, and is made anew`);
      await rm(path.join(dir, VERDICT), { force: true });
      await seal(dir);
    }
    return model;
  } catch (error) {
    log(`${dir} can't be used, and is made anew: ${errorMessage(error)}`);
    await rm(dir, { recursive: true, force: true });
    return undefined;
  }
}

/** Whether OpenVINO's files are those that were written. A damaged one could end the process. */
async function isWhole(dir: string, log: (line: string) => void): Promise<boolean> {
  const names = await readdir(dir).catch(() => undefined);
  if (!names) return false;
  try {
    const contents = checkJson(await readJson(path.join(dir, CONTENTS)), contentsSchema, CONTENTS);
    const foreign = names.find(
      (name) => ![CONTENTS, VERDICT, ...Object.keys(contents)].includes(name),
    );
    if (foreign !== undefined) throw new Error(`${foreign} is not Retune's`);
    const compared = await compareFiles(inFolder(dir, contents));
    if (compared.changed !== undefined) throw new Error(`${compared.changed} is damaged`);
    return true;
  } catch (error) {
    log(`${dir} is made anew: ${errorMessage(error)}`);
    await rm(dir, { recursive: true, force: true });
    return false;
  }
}

/** Another process that compiles the same meanwhile does so in a folder of its own; the first that is done is kept. */
async function compileInto(dir: string, compile: Compilation["compile"]): Promise<CompiledModel> {
  const temporary = temporaryName(dir);
  await mkdir(temporary, { recursive: true });
  try {
    const model = await compile(temporary);
    await seal(temporary);
    await rename(temporary, dir).catch(() => {});
    await pruneCache(path.dirname(dir), { usedFile: CONTENTS });
    return model;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function seal(dir: string): Promise<void> {
  const names = (await readdir(dir)).filter((name) => name !== CONTENTS);
  const stamped = await stampFiles(
    await startHashing(names.map((name) => path.join(dir, name))).hashes,
  );
  const contents = Object.entries(stamped).map(([file, stamp]) => [path.basename(file), stamp]);
  await writeFileAtomic(path.join(dir, CONTENTS), JSON.stringify(Object.fromEntries(contents)));
}

function inFolder<T>(dir: string, byName: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(
    Object.entries(byName).map(([name, value]) => [path.join(dir, name), value]),
  );
}

async function verdictIn(dir: string): Promise<KeptVerdict> {
  const file = path.join(dir, VERDICT);
  const found = await readJson(file)
    .then((json) => checkJson(json, verdictSchema, VERDICT))
    .catch(() => undefined);
  return {
    relativeError: found?.relativeError,
    keep: (relativeError) =>
      writeFileAtomic(file, JSON.stringify({ relativeError })).catch(() => {}),
  };
}
