/** What a recipe's method trains on a base model. */
import type { Adapter } from "../adapters/adapter.ts";
import type { Ia3Site } from "../adapters/ia3.ts";
import {
  type LoraAdapter,
  type LoraEmbedding,
  type LoraSite,
  loraScale,
  selectTargets,
} from "../adapters/lora.ts";
import type { ReftAdapter, ReftKind, ReftEnd } from "../adapters/reft.ts";
import {
  type CausalLm,
  type LinearLayer,
  type NamedShape,
  embeddingTensor,
  headTensor,
} from "../graph/causal-lm.ts";
import type { BaseModel } from "../models/base-model.ts";
import { SCORE } from "../adapter-files/classifier-head.ts";
import { type Method, trainsBase } from "../protocol/methods.ts";
import { PISSA_GOES_WITH } from "../protocol/methods/lora.ts";
import { InputError } from "../util/errors.ts";
import { patternValue } from "../util/module-pattern.ts";
import { parsePositions } from "../adapter-files/reft/positions.ts";
import { type LayerChoice, moduleOf, outline, trainedPredicate } from "../util/tensor-patterns.ts";
import type { Tuning } from "./ort-graphs.ts";

type MethodOf<T extends Method["type"]> = Extract<Method, { type: T }>;
type IsTrained = (tensor: string) => boolean;

/** @throws InputError when the method does not fit the base, or nothing is left to train */
export function tuningOf(
  { method, layers = {} }: { method: Method; layers?: LayerChoice | undefined },
  { architecture, dir }: Pick<BaseModel, "architecture" | "dir">,
): Tuning {
  const names = architecture.tensors.map(({ name }) => name);
  const isTrained = trainedPredicate(layers, names, { what: dir, blockOf: architecture.blockOf });
  // A classification head is trained whatever else is.
  const heads = names.filter((name) => name === SCORE);
  if (method.type === "head") return { trained: new Set(heads), adapter: undefined };
  if (!trainsBase(method)) {
    const adapter = adapterOf(method, architecture, isTrained);
    const modules = method.type === "lora" ? (method.modulesToSave ?? []) : [];
    return { trained: new Set([...wholeModules(modules, architecture), ...heads]), adapter };
  }
  const trained = new Set([...names.filter(isTrained), ...heads]);
  if (trained.size === 0) {
    throw new InputError(
      'freeze leaves no tensor to train; name what is to be trained behind it, e.g. "!layers.0"',
    );
  }
  return { trained, adapter: undefined };
}

function adapterOf(method: Method, architecture: CausalLm, isTrained: IsTrained): Adapter {
  const { layers, keyValueHeads, headSize } = architecture;
  switch (method.type) {
    case "lora":
      return loraAdapter(method, architecture, isTrained);
    case "ia3":
      return { type: "ia3", sites: ia3Sites(method, architecture, isTrained) };
    case "prompt-tuning":
      return { type: "prompt-tuning", tokens: method.tokens, width: embeddingWidth(architecture) };
    case "prefix-tuning":
      return {
        type: "prefix-tuning",
        tokens: method.tokens,
        layers,
        width: keyValueHeads * headSize,
      };
    case "loreft":
    case "direft":
    case "noreft":
      return reftAdapter(method, architecture, isTrained);
    case "freeze":
    case "head":
    case "full":
      throw new Error(`internal: method ${method.type} has no adapter`);
  }
}

function loraAdapter(
  method: MethodOf<"lora">,
  architecture: CausalLm,
  isTrained: IsTrained,
): LoraAdapter {
  const { rank, alpha, dropout, targets, variant, rankPattern, alphaPattern } = method;
  const useRslora = variant === "rslora";
  const { linear, hasEmbedding } = splitTargets(targets, architecture);
  const embeddings = embeddingTensor(architecture);
  const layers = linear === undefined ? [] : trainedTargets(linear, architecture, isTrained);
  for (const [key, patterns] of Object.entries({ rankPattern, alphaPattern })) {
    for (const [pattern, value] of Object.entries(patterns ?? {})) {
      const one = { [pattern]: value };
      const where = `method.${key}`;
      if (layers.some(({ path }) => patternValue(one, path, where) !== undefined)) continue;
      throw new InputError(`${where} "${pattern}" matches none of the target modules`);
    }
  }
  const sites = layers.map((layer): LoraSite => {
    const patterned = patternValue(rankPattern, layer.path, "method.rankPattern");
    const own = patterned ?? rank;
    checkRank(own, layer, patterned === undefined ? "method.rank" : "method.rankPattern");
    const ownAlpha = patternValue(alphaPattern, layer.path, "method.alphaPattern") ?? alpha;
    return { layer, rank: own, scale: loraScale(ownAlpha, own, useRslora) };
  });
  const useDora = variant === "dora";
  const embedding =
    hasEmbedding && isTrained(embeddings.name)
      ? loraEmbedding(embeddings, { rank, scale: loraScale(alpha, rank, useRslora) })
      : undefined;
  const patterns = { rankPattern, alphaPattern };
  const fromPrincipal = method.init === "pissa";
  if (fromPrincipal && (useDora || dropout > 0 || embedding || method.modulesToSave)) {
    throw new InputError(PISSA_GOES_WITH);
  }
  return {
    type: "lora",
    fromPrincipal,
    sites,
    embedding,
    rank,
    alpha,
    useRslora,
    useDora,
    dropout,
    ...patterns,
  };
}

function loraEmbedding(
  { name, shape }: NamedShape,
  { rank, scale }: { rank: number; scale: number },
): LoraEmbedding {
  const [vocabSize = 0, width = 0] = shape;
  const path = moduleOf(name);
  checkRank(rank, { path, inFeatures: vocabSize, outFeatures: width, isHead: false });
  return { path, vocabSize, width, rank, scale };
}

/** Names of the embeddings stand apart from those of linear layers; undefined when none is left. */
function splitTargets(
  targets: readonly string[] | string,
  architecture: CausalLm,
): { linear: readonly string[] | string | undefined; hasEmbedding: boolean } {
  if (typeof targets === "string") return { linear: targets, hasEmbedding: false };
  const path = moduleOf(embeddingTensor(architecture).name);
  const isEmbedding = (name: string): boolean => path === name || path.endsWith(`.${name}`);
  const linear = targets.filter((name) => !isEmbedding(name));
  return {
    linear: linear.length > 0 ? linear : undefined,
    hasEmbedding: linear.length < targets.length,
  };
}

function checkRank(
  rank: number,
  { path, inFeatures, outFeatures }: LinearLayer,
  key = "method.rank",
): void {
  const limit = Math.min(inFeatures, outFeatures);
  if (rank <= limit) return;
  throw new InputError(
    `${key} ${rank} is above ${limit}, the smaller side of ${path} [${outFeatures}, ${inFeatures}]; choose ${limit} or less`,
  );
}

function ia3Sites(
  { targets, feedForward }: MethodOf<"ia3">,
  architecture: CausalLm,
  isTrained: IsTrained,
): Ia3Site[] {
  const layers = trainedTargets(targets, architecture, isTrained);
  const isFeedForward = ({ path }: LinearLayer): boolean =>
    feedForward.some((name) => path === name || path.endsWith(`.${name}`));
  const idle = feedForward.find(
    (name) => !layers.some(({ path }) => path === name || path.endsWith(`.${name}`)),
  );
  if (idle !== undefined) {
    throw new InputError(`method.feedForward "${idle}" is none of the target modules`);
  }
  return layers.map((layer) => ({ layer, isFeedForward: isFeedForward(layer) }));
}

function reftAdapter(
  { type: kind, rank, layers: wished, positions, tied, dropout }: MethodOf<ReftKind>,
  architecture: CausalLm,
  isTrained: IsTrained,
): ReftAdapter {
  const { layers: count, tensors, blockOf } = architecture;
  const width = embeddingWidth(architecture);
  if (rank > width)
    throw new InputError(
      `method.rank ${rank} is above ${width}, the model's width; choose ${width} or less`,
    );
  const asked = wished === "all" ? Array.from({ length: count }, (_, layer) => layer) : wished;
  const outside = asked.find((layer) => layer >= count);
  if (outside !== undefined) {
    throw new InputError(`method.layers ${outside} is none of the blocks 0 to ${count - 1}`);
  }
  const layers = [...new Set(asked)].filter((layer) =>
    tensors.some(({ name }) => blockOf(name)?.index === layer && isTrained(name)),
  );
  if (layers.length === 0) {
    throw new InputError("freeze, trainFirst and trainLast leave none of method.layers to train");
  }
  const ends = parsePositions(positions);
  const named = (["first", "last"] as const).filter((end) => ends[end] > 0);
  const chosen: readonly ReftEnd[] = tied ? ["all"] : named;
  const interventions = layers
    .toSorted((a, b) => a - b)
    .flatMap((layer) => chosen.map((end, unit) => ({ layer, unit, end, rank })));
  return { type: "reft", kind, interventions, positions: ends, width, dropout };
}

function trainedTargets(
  targets: readonly string[] | string,
  { linearLayers }: CausalLm,
  isTrained: IsTrained,
): LinearLayer[] {
  const chosen = selectTargets(linearLayers, targets).filter(({ path }) =>
    isTrained(`${path}.weight`),
  );
  if (chosen.length > 0) return chosen;
  throw new InputError("freeze, trainFirst and trainLast leave none of method.targets to train");
}

/** The tensors of modules that are trained whole. */
function wholeModules(modules: readonly string[], architecture: CausalLm): Set<string> {
  const { tensors } = architecture;
  const [embedding, head] = [embeddingTensor(architecture), headTensor(architecture)];
  const found = new Set<string>();
  for (const module of modules) {
    const matching = tensors.filter(
      ({ name }) => moduleOf(name).endsWith(`.${module}`) || moduleOf(name) === module,
    );
    if (matching.length === 0) {
      throw new InputError(
        `method.modulesToSave "${module}" matches no module of the base; it has ${outline(tensors.map(({ name }) => name))}`,
      );
    }
    for (const tensor of matching) {
      if (tensor === embedding && tensor === head) {
        throw new InputError(
          `method.modulesToSave "${module}": embeddings and head share ${tensor.name} in this base, and PEFT would train only one of the two; leave it out`,
        );
      }
      found.add(tensor.name);
    }
  }
  return found;
}

/** C. */
export function embeddingWidth(architecture: CausalLm): number {
  return embeddingTensor(architecture).shape[1] ?? 0;
}
