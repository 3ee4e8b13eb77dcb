/** Merges models by a method, from a YAML file or from options. */
import path from "node:path";
import { withMergedAdapters } from "../merge/models/with-adapters.ts";
import {
  type AdaptedModel,
  type MergeRequest,
  mapModels,
  modelsOf,
} from "../merge/models/request.ts";
import { readMergeConfig } from "../merge/models/mergekit-yaml.ts";
import { type MethodMerge, mergeByMethod } from "../merge/models/merge-by-method.ts";
import { baseName } from "../bases/base-name.ts";
import { resolveBase } from "../bases/load-base.ts";
import { stopOnSignals } from "../run-folder/stop-request.ts";
import { InputError } from "../util/errors.ts";
import { ByteProgress } from "./byte-progress.ts";
import { numberOption } from "./command.ts";
import { checkMergeOfModels } from "./merge-check.ts";
import { print, printError } from "./output.ts";
import { type ModelOptions, configOf, optionOf } from "./merge-options.ts";
import { greedySoup } from "../evaluation/greedy-soup.ts";

interface OutputOptions {
  out?: string | undefined;
  seed?: string | undefined;
  allowOtherRope?: boolean | undefined;
  noCheck: boolean;
}

const CONFIG_FILE = /\.ya?ml$/iu;

export function isMergeConfig(file: string | undefined): boolean {
  return file !== undefined && CONFIG_FILE.test(file);
}

/**
 * @param sources one YAML file, or models
 * @returns the exit code: 1 where a signal stopped it
 * @throws InputError for anything that cannot be merged
 */
export async function mergeModelsCommand(
  sources: readonly string[],
  options: ModelOptions,
  { out, seed, allowOtherRope = false, noCheck }: OutputOptions,
): Promise<number> {
  if (out === undefined) throw new InputError("--out DIR is missing");
  const outDir = path.resolve(out);
  const asked = await withFolders(await requestOf(sources, options, seed));
  const progress = new ByteProgress("merging");
  const { stop: signal } = stopOnSignals();
  const log = (line: string): void => progress.note(line);
  const onProgress = (done: number, total: number): void => progress.update(done, total);
  let check: string | undefined;
  const merge = async (given: MergeRequest): Promise<void> => {
    const whole: MethodMerge = { request: given, outDir, log, onProgress, signal };
    const isGreedy = given.config.evaluate_on !== undefined;
    const request = isGreedy ? await greedySoup(whole) : given;
    await mergeByMethod({ ...whole, request });
    // Here, because models made of a base and an adapter are gone with the end of the merge.
    const parents = modelsOf(request.config).map((dir) => ({ name: baseName(dir), dir }));
    if (noCheck) return;
    log("checking the merged model");
    check = await checkMergeOfModels({ outDir, parents, signal });
  };
  try {
    const request = { ...asked, allowsOtherRope: allowOtherRope };
    await withMergedAdapters(request, { outDir, log, signal }, merge);
  } catch (error) {
    if (!signal.aborted) throw error;
    progress.end();
    printError("stopped; nothing is written");
    return 1;
  }
  progress.end();
  if (check !== undefined) printError(check);
  print(outDir);
  return 0;
}

async function requestOf(
  sources: readonly string[],
  options: ModelOptions,
  seedText: string | undefined,
): Promise<MergeRequest> {
  const seed = numberOption("seed", seedText, { min: 0, integer: true }) ?? 0;
  const [file = ""] = sources;
  if (!isMergeConfig(file)) return { config: configOf(sources, options), where: optionOf, seed };
  if (sources.length > 1) {
    throw new InputError(`unexpected argument "${sources[1]}": ${file} names the models`);
  }
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    throw new InputError(`--${name} does not go with a YAML file: set it in ${file}`);
  }
  return { ...(await readMergeConfig(file)), seed };
}

/** A .gguf is replaced by its dequantised folder. */
async function withFolders(request: MergeRequest): Promise<MergeRequest> {
  const folders = new Map<string, string>();
  const adapters = new Map<string, AdaptedModel>();
  for (const model of modelsOf(request.config)) {
    const adapted = request.adapters?.get(model);
    const base = await resolveBase(adapted?.base ?? model, printError);
    if (adapted) adapters.set(model, { ...adapted, base });
    else folders.set(model, base);
  }
  const config = mapModels(request.config, (model) => folders.get(model) ?? model);
  return { ...request, config, adapters };
}
