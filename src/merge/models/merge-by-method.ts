/** Merges models by a method: everything is checked, planned, then written tensor by tensor. */
import path from "node:path";
import { stringify } from "yaml";
import type { MergeConfig } from "../../protocol/merge-config.ts";
import { methodWords } from "../../protocol/merge-methods.ts";
import {
  type OpenedModel,
  configProblems,
  openModel,
  refuseProblems,
  ropeProblem,
  tensorProblems,
  vocabularyProblems,
} from "./check-alike.ts";
import { chosenTemplate } from "./chat-template.ts";
import { baseName } from "../../bases/base-name.ts";
import { methodMergeCard } from "./model-card.ts";
import { writeMergedFolder } from "./write-model.ts";
import { familyOf } from "../../families/registry.ts";
import { type MergeRequest, mapModels, modelsOf } from "./request.ts";
import { type MethodPlan, planMethodMerge } from "./planned-tensors.ts";
import { checkOutput } from "../output-folder.ts";
import { isVocabularyTensor } from "./vocabulary-alignment.ts";
import { type MergedVocabulary, mergedVocabulary } from "./vocabulary.ts";

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
  const { models, plan, vocabulary } = await prepareMerge(request);
  const template = await chosenTemplate(request);
  await checkOutput(outDir, [...models.keys()]);
  for (const note of plan.notes) log(note);
  await writeMergedFolder({
    outDir,
    referenceDir: plan.reference.dir,
    tokenizerDir: vocabulary?.tokenizerDir ?? plan.reference.dir,
    vocabulary,
    template,
    tensors: plan.tensors,
    config: changedConfig(request.config, { plan, vocabulary }),
    card: card(request, models),
    onProgress,
    signal,
  });
}

interface PreparedMerge {
  models: ReadonlyMap<string, OpenedModel>;
  plan: MethodPlan;
  vocabulary: MergedVocabulary | undefined;
}

/** Opens the models and plans their merge. @throws InputError naming what does not fit */
export async function prepareMerge(request: MergeRequest): Promise<PreparedMerge> {
  const models = new Map<string, OpenedModel>();
  for (const dir of modelsOf(request.config)) models.set(dir, await openModel(dir));
  const vocabulary = await mergedVocabulary(request, models);
  const notes = await checkAlike(request, { models, vocabulary });
  const told = { ...request, notes: [...(request.notes ?? []), ...notes] };
  return { models, vocabulary, plan: planMethodMerge({ ...told, models, vocabulary }) };
}

/**
 * @returns lines to tell
 * @throws InputError where models of one merge differ in kind, shapes or vocabulary
 */
async function checkAlike(
  { config, allowsOtherRope = false }: MergeRequest,
  { models, vocabulary }: Pick<PreparedMerge, "models" | "vocabulary">,
): Promise<string[]> {
  const notes: string[] = [];
  const first = models.get(config.base_model ?? "") ?? [...models.values()][0];
  if (!first) return notes;
  const family = familyOf(first.config);
  const isFree = (name: string): boolean =>
    name === family.head || (vocabulary !== undefined && isVocabularyTensor(family, name));
  for (const other of models.values()) {
    if (other === first) continue;
    const rope = ropeProblem(first, other);
    const problems = [
      ...configProblems(first, other),
      ...(rope === undefined || allowsOtherRope ? [] : [`${rope} (--allow-other-rope mixes them)`]),
      // With slices only some of the layers are used, which may be more or fewer.
      ...(config.models ? tensorProblems(first, other, isFree) : []),
      ...(vocabulary ? [] : await vocabularyProblems(first, other)),
    ];
    refuseProblems(first.dir, other.dir, problems);
    if (rope !== undefined) {
      notes.push(`${first.dir} and ${other.dir}: ${rope}; the merged model has the former`);
    }
  }
  return notes;
}

function changedConfig(
  { out_dtype, dtype }: MergeConfig,
  { plan, vocabulary }: Pick<PreparedMerge, "plan" | "vocabulary">,
): Record<string, unknown> {
  const { reference, layers, tensors } = plan;
  const changes: Record<string, unknown> = {};
  const written = out_dtype ?? dtype;
  if (written !== undefined)
    changes["dtype" in reference.config ? "dtype" : "torch_dtype"] = written;
  if (vocabulary && vocabulary.size !== reference.config["vocab_size"]) {
    changes["vocab_size"] = vocabulary.size;
  }
  // A head of its own that the config calls the embedding is one that older versions of transformers drop.
  const { head } = familyOf(reference.config);
  const hasHead = tensors.some(({ name }) => name === head);
  if (hasHead && !reference.tensors.has(head)) changes["tie_word_embeddings"] = false;
  if (!layers) return changes;
  changes["num_hidden_layers"] = layers.length;
  const types: unknown = reference.config["layer_types"];
  if (Array.isArray(types)) {
    changes["layer_types"] = layers.map((layer) => types[layer] ?? types.at(-1));
  }
  return changes;
}

function card({ config, seed }: MergeRequest, models: ReadonlyMap<string, OpenedModel>): string {
  const { title, paper, base, isRandom } = methodWords(config.merge_method);
  // Never a path of this machine.
  const { modules, ...named } = mapModels(config, baseName);
  const { evaluate_on: data, models: listed, slices } = named;
  const inputs = { ...(listed ? { models: listed } : {}), ...(slices ? { slices } : {}) };
  const parameters = modules?.default?.parameters;
  const { models: _, slices: __, ...rest } = named;
  const shown = parameters
    ? { ...rest, modules: { default: { ...inputs, parameters } } }
    : { ...rest, ...inputs };
  return methodMergeCard({
    models: [...models.keys()],
    base: base === "none" ? undefined : config.base_model,
    title,
    paper,
    seed: isRandom === true ? seed : undefined,
    yaml: stringify({
      ...shown,
      merge_method: config.merge_method.replaceAll("-", "_"),
      ...(data === undefined ? {} : { evaluate_on: path.basename(data) }),
    }),
  });
}
