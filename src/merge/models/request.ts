/** A merge of models as it is asked for, by a YAML file (merge-yaml.ts) or by options of the command line. */
import type { MergeConfig } from "../../protocol/merge-config.ts";

export interface MergeRequest {
  /** Models are absolute folders. */
  config: MergeConfig;
  /** Where a setting stands, for messages: "FILE:LINE", or the option. */
  where: Where;
  /** Random masks are drawn by it. */
  seed: number;
  /** Lines to tell about the configuration. */
  notes?: readonly string[];
  /** What is to be merged first of a model "FOLDER+ADAPTER". */
  adapters?: ReadonlyMap<string, AdaptedModel>;
  /** Models whose positions turn at different rates are mixed, too. */
  allowsOtherRope?: boolean;
}

export interface AdaptedModel {
  base: string;
  adapter: string;
}

export type Keys = readonly PropertyKey[];
export type Where = (keys: Keys) => string;

/** Every place where a model is named. */
export function namedModels({
  base_model,
  models = [],
  slices = [],
}: MergeConfig): [Keys, string][] {
  return [
    ...(base_model === undefined ? [] : [[["base_model"], base_model] as [Keys, string]]),
    ...models.map(({ model }, i): [Keys, string] => [["models", i, "model"], model]),
    ...slices.flatMap(({ sources, base_model: base }, i) => [
      ...(base === undefined ? [] : [[["slices", i, "base_model"], base] as [Keys, string]]),
      ...sources.map(({ model }, j): [Keys, string] => [
        ["slices", i, "sources", j, "model"],
        model,
      ]),
    ]),
  ];
}

/** The folders of all models, each once. */
export function modelsOf(config: MergeConfig): string[] {
  return [...new Set(namedModels(config).map(([, model]) => model))];
}

const NO_MODEL = /^(base|union)$/u;

export function mapModels(config: MergeConfig, map: (model: string) => string): MergeConfig {
  const { base_model, models, slices, tokenizer_source, tokenizer } = config;
  const named = <T extends { model: string }>(one: T): T => ({ ...one, model: map(one.model) });
  const source = (name: string): string => (NO_MODEL.test(name) ? name : map(name));
  const based = <T extends { base_model?: string | undefined }>(one: T): T =>
    one.base_model === undefined ? one : { ...one, base_model: map(one.base_model) };
  return {
    ...config,
    ...(base_model === undefined ? {} : { base_model: map(base_model) }),
    ...(models ? { models: models.map(named) } : {}),
    ...(slices
      ? { slices: slices.map((one) => based({ ...one, sources: one.sources.map(named) })) }
      : {}),
    ...(tokenizer_source === undefined ? {} : { tokenizer_source: source(tokenizer_source) }),
    ...(tokenizer ? { tokenizer: mapTokenizer(tokenizer, source) } : {}),
  };
}

function mapTokenizer(
  { tokens, ...tokenizer }: NonNullable<MergeConfig["tokenizer"]>,
  map: (model: string) => string,
): NonNullable<MergeConfig["tokenizer"]> {
  const mapped = Object.entries(tokens ?? {}).map(([token, { source, ...rest }]) => {
    const isModel = typeof source === "string";
    const named = source !== undefined && !isModel && source.kind === "model_token";
    const own = isModel ? map(source) : named ? { ...source, model: map(source.model) } : source;
    return [token, { ...rest, ...(own === undefined ? {} : { source: own }) }] as const;
  });
  return {
    ...tokenizer,
    source: map(tokenizer.source),
    ...(tokens ? { tokens: Object.fromEntries(mapped) } : {}),
  };
}
