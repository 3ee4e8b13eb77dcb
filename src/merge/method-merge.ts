/** Merges models by a method: everything is checked, planned, then written tensor by tensor. */
import path from "node:path";
import { stringify } from "yaml";
import type { MergeConfig } from "../protocol/merge-config.ts";
import { InputError } from "../util/errors.ts";
import { pathExists } from "../util/path-exists.ts";
import {
  type OpenedModel,
  configProblems,
  openModel,
  refuseProblems,
  tensorProblems,
  vocabularyProblems,
} from "./alike.ts";
import { baseName, methodMergeCard } from "./merge-card.ts";
import { writeMergedFolder } from "./merge-folder.ts";
import { type MergeRequest, mapModels, modelsOf } from "./merge-request.ts";
import { type MethodPlan, planMethodMerge } from "./method-plan.ts";
import { METHODS } from "./methods/registry.ts";
import { checkOutput } from "./output-folder.ts";

export interface MethodMerge {
  request: MergeRequest;
  /** Must not exist, or be empty. */
  outDir: string;
  /** Gets what the user should know, a line each. */
  log?: (line: string) => void;
  /** @param done and total bytes of the output */
  onProgress?: ((done: number, total: number) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/** @throws InputError naming what does not fit, in the configuration or the models; nothing is left behind */
export async function mergeByMethod(options: MethodMerge): Promise<void> {
  const { request, outDir, log = () => {}, onProgress, signal } = options;
  const { config } = request;
  const { models, plan } = await prepareMerge(request);
  await checkOutput(outDir, [...models.keys()]);
  for (const note of plan.notes) log(note);
  await writeMergedFolder({
    outDir,
    referenceDir: plan.reference.dir,
    tokenizerDir: await tokenizerDir(request, plan, models),
    tensors: plan.tensors,
    config: changedConfig(config, plan),
    card: card(request, models),
    onProgress,
    signal,
  });
}

/** Opens the models and plans their merge. @throws InputError naming what does not fit */
export async function prepareMerge(
  request: MergeRequest,
): Promise<{ models: ReadonlyMap<string, OpenedModel>; plan: MethodPlan }> {
  const models = new Map<string, OpenedModel>();
  for (const dir of modelsOf(request.config)) models.set(dir, await openModel(dir));
  await checkAlike(request, models);
  return { models, plan: planMethodMerge(request, models) };
}

/** @throws InputError where models of one merge differ in kind, shapes or vocabulary */
async function checkAlike(
  { config }: MergeRequest,
  models: ReadonlyMap<string, OpenedModel>,
): Promise<void> {
  const first = models.get(config.base_model ?? "") ?? [...models.values()][0];
  if (!first) return;
  for (const other of models.values()) {
    if (other === first) continue;
    const problems = [
      ...configProblems(first, other),
      // With slices only some of the layers are used, which may be more or fewer.
      ...(config.models ? tensorProblems(first, other) : []),
      ...(await vocabularyProblems(first, other)),
    ];
    refuseProblems(first.dir, other.dir, problems);
  }
}

async function tokenizerDir(
  { config, where }: MergeRequest,
  { reference }: MethodPlan,
  models: ReadonlyMap<string, OpenedModel>,
): Promise<string> {
  const { tokenizer_source: source } = config;
  // All models have one vocabulary, so that their union is any of them.
  if (source === undefined || source === "base" || source === "union") return reference.dir;
  const place = where(["tokenizer_source"]);
  if (!models.has(source)) {
    throw new InputError(`${place}: ${source} is none of the models; name one, or "base"`);
  }
  if (!(await pathExists(path.join(source, "tokenizer.json")))) {
    throw new InputError(`${place}: ${source} has no tokenizer.json`);
  }
  return source;
}

function changedConfig(
  { out_dtype, dtype }: MergeConfig,
  { reference, layers }: MethodPlan,
): Record<string, unknown> {
  const changes: Record<string, unknown> = {};
  const written = out_dtype ?? dtype;
  if (written !== undefined)
    changes["dtype" in reference.config ? "dtype" : "torch_dtype"] = written;
  if (!layers) return changes;
  changes["num_hidden_layers"] = layers.length;
  const types: unknown = reference.config["layer_types"];
  if (Array.isArray(types)) {
    changes["layer_types"] = layers.map((layer) => types[layer] ?? types.at(-1));
  }
  return changes;
}

function card({ config, seed }: MergeRequest, models: ReadonlyMap<string, OpenedModel>): string {
  const { title, paper } = METHODS[config.merge_method];
  // Never a path of this machine.
  const named = mapModels(config, baseName);
  const { evaluate_on: data } = named;
  const shown = data === undefined ? named : { ...named, evaluate_on: path.basename(data) };
  return methodMergeCard({
    models: [...models.keys()],
    base: METHODS[config.merge_method].base === "needed" ? config.base_model : undefined,
    title,
    paper,
    seed: config.merge_method.startsWith("dare") ? seed : undefined,
    yaml: stringify({ ...shown, merge_method: config.merge_method.replaceAll("-", "_") }),
  });
}
