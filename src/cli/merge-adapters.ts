/** Merges adapters into their base, or takes them out of it again. */
import path from "node:path";
import { mergeAdapters } from "../merge/adapters/merge-adapters.ts";
import { resolveBase } from "../bases/load-base.ts";
import { baseKindAt } from "../bases/references.ts";
import { stopOnSignals } from "../run-folder/stop-request.ts";
import { InputError } from "../util/errors.ts";
import { numberOption } from "./command.ts";
import { print, printError } from "./output.ts";
import { ByteProgress } from "./byte-progress.ts";
import { checkMerge } from "./merge-check.ts";

export interface AdapterOptions {
  adapter: readonly string[];
  weight?: readonly string[] | undefined;
  unmerge: boolean;
  out?: string | undefined;
  noCheck: boolean;
}

/** @returns the exit code: 1 where a signal stopped it */
export async function mergeAdaptersCommand(base: string, options: AdapterOptions): Promise<number> {
  const { adapter: adapterDirs, weight, unmerge, out } = options;
  const weights = weight?.map(
    (text) => numberOption("weight", text, { min: Number.NEGATIVE_INFINITY }) ?? 1,
  );
  if (adapterDirs.length === 0) throw new InputError("--adapter DIR is missing");
  if (unmerge && weights) {
    throw new InputError("--unmerge takes the whole change out; leave --weight out");
  }
  if (out === undefined) throw new InputError("--out DIR is missing");
  const baseDir = await resolveBase(path.resolve(base), printError);
  const { name, loadedAs } = baseKindAt(base);
  if (loadedAs !== undefined) {
    printError(`${base} is a .${name}: what is written is a Hugging Face folder of ${loadedAs}`);
  }
  const outDir = path.resolve(out);
  const { stop: signal } = stopOnSignals();
  const progress = new ByteProgress(unmerge ? "unmerging" : "merging");
  try {
    await mergeAdapters({
      baseDir,
      adapterDirs,
      weights,
      unmerge,
      outDir,
      log: (line) => progress.note(line),
      onProgress: (done, total) => progress.update(done, total),
      signal,
    });
  } catch (error) {
    if (!signal.aborted) throw error;
    progress.note("stopped; nothing is written");
    return 1;
  } finally {
    progress.end();
  }
  if (!options.noCheck) {
    // What was taken out and put in again must be what was there.
    const [from, to] = unmerge ? [outDir, baseDir] : [baseDir, outDir];
    printError(await checkMerge({ baseDir: from, adapterDirs, weights, outDir: to }));
  }
  print(outDir);
  return 0;
}
