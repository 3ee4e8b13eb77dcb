/** What a recipe's LoRA comes to on a base. */
import {
  type CausalLm,
  type LinearLayer,
  type NamedShape,
  embeddingTensor,
} from "../../graph/causal-lm.ts";
import { type LoraMethod, PISSA_GOES_WITH } from "../../protocol/methods/lora.ts";
import { InputError } from "../../util/errors.ts";
import { patternValue } from "../../util/module-pattern.ts";
import { moduleOf } from "../../util/tensor-patterns.ts";
import { trainedTargets } from "../modules.ts";
import { type LoraEmbedding, type LoraSettings, type LoraSite, loraScale } from "./lora.ts";

/** @throws InputError for targets, ranks or variants that do not fit the base */
export function loraSettings(
  method: LoraMethod,
  architecture: CausalLm,
  isTrained: (tensor: string) => boolean,
): LoraSettings {
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
