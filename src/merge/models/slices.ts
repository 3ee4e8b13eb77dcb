/** Which models' layers make which of the output: the slices of a configuration, or its models whole. */
import type { MergeConfig } from "../../protocol/merge-config.ts";
import { methodWords } from "../../protocol/merge-methods.ts";
import { largest } from "../../util/largest.ts";
import { InputError } from "../../util/errors.ts";
import { familyOf } from "../../families/registry.ts";
import type { OpenedModel } from "./check-alike.ts";
import type { Keys, MergeRequest, Where } from "./request.ts";
import type { Scope } from "./tensor-parameters.ts";
import type { MergedVocabulary } from "./vocabulary.ts";

export interface Planning extends MergeRequest {
  models: ReadonlyMap<string, OpenedModel>;
  /** Where embeddings are rearranged to one vocabulary. */
  vocabulary: MergedVocabulary | undefined;
}

export interface Source {
  model: OpenedModel;
  firstLayer: number;
  /** What is said of this model alone. */
  scope: Scope;
}

export interface Slice {
  base: Source | undefined;
  models: readonly Source[];
  layers: number;
  shared: readonly Scope[];
}

/** @throws InputError naming the place in the configuration */
export function slicesOf(planning: Planning): Slice[] {
  const { config, where, models } = planning;
  if (Boolean(config.models) === Boolean(config.slices)) {
    throw new InputError(`${where([])}: give either models or slices`);
  }
  const outer: Scope[] = [
    {
      parameters: config.modules?.default?.parameters,
      keys: ["modules", "default", "parameters"],
    },
    { parameters: config.parameters, keys: ["parameters"] },
  ];
  const baseOf = (dir: string | undefined): OpenedModel | undefined =>
    dir === undefined ? undefined : models.get(dir);
  if (config.models) {
    const sources = config.models.map(({ model, parameters }, i): Source => {
      const scope = { parameters, keys: ["models", i, "parameters"], isOfModel: true };
      return { model: models.get(model)!, firstLayer: 0, scope };
    });
    const [first] = sources;
    const slice = { layers: layerCount(first!.model), shared: outer };
    const base = baseOf(config.base_model);
    return [split(sources, { slice, base, isAdded: true, config, where, keys: ["models"] })];
  }
  return (config.slices ?? []).map(({ sources, parameters, base_model }, i) => {
    const keys = ["slices", i];
    const opened = sources.map(({ model, layer_range: [from, end], ...own }, j): Source => {
      const place = [...keys, "sources", j];
      checkRange([from, end], models.get(model)!, where([...place, "layer_range"]));
      const scope = { parameters: own.parameters, keys: [...place, "parameters"], isOfModel: true };
      return { model: models.get(model)!, firstLayer: from, scope };
    });
    const counts = new Set(sources.map(({ layer_range: [from, end] }) => end - from));
    if (counts.size > 1) {
      throw new InputError(
        `${where(keys)}: the sources of a slice have ${[...counts].join(" and ")} layers; give all as many`,
      );
    }
    const [layers = 0] = counts;
    const slice = { layers, shared: [{ parameters, keys: [...keys, "parameters"] }, ...outer] };
    const base = baseOf(base_model ?? config.base_model);
    return split(opened, { slice, base, isAdded: false, config, where, keys });
  });
}

function layerCount({ config, tensors }: OpenedModel): number {
  const { blockOf } = familyOf(config);
  return (
    largest(
      [...tensors.keys()].map((name) => blockOf(name)?.index ?? -1),
      -1,
    ) + 1
  );
}

function checkRange(
  [from, end]: readonly [number, number],
  model: OpenedModel,
  place: string,
): void {
  const count = layerCount(model);
  if (from < end && end <= count) return;
  throw new InputError(
    `${place}: layer_range [${from}, ${end}] is not within the ${count} layers of ${model.dir}; the last one possible is [${count - 1}, ${count}]`,
  );
}

/** Base and models apart, as the method wants them. */
function split(
  sources: readonly Source[],
  {
    slice,
    base,
    isAdded,
    config,
    where,
    keys,
  }: {
    slice: Pick<Slice, "layers" | "shared">;
    base: OpenedModel | undefined;
    /** A base that is not among the sources is added to them, as mergekit does for `models`. */
    isAdded: boolean;
    config: MergeConfig;
    where: Where;
    keys: Keys;
  },
): Slice {
  const { merge_method: name } = config;
  const method = methodWords(name);
  const added: Source[] =
    base && isAdded && !sources.some(({ model }) => model === base)
      ? [{ model: base, firstLayer: 0, scope: { parameters: undefined, keys: ["base_model"] } }]
      : [];
  const all = [...sources, ...added];
  const found = method.base === "none" ? undefined : all.find(({ model }) => model === base);
  if (method.base === "needed" && !base) {
    throw new InputError(
      `${where(["merge_method"])}: ${name} needs a base: name it with base_model`,
    );
  }
  if (method.base !== "none" && base && !found) {
    throw new InputError(
      `${where(keys)}: base_model is not among the sources of this slice; give its layers too`,
    );
  }
  const models = all.filter((source) => source !== found);
  const { min, max } = method.models;
  if (models.length < min || models.length > max) {
    const wanted = min === max ? String(min) : `${min} or more`;
    throw new InputError(
      `${where(keys)}: ${name} takes ${wanted} model${wanted === "1" ? "" : "s"}${found ? " besides the base" : ""}, ${models.length} are given`,
    );
  }
  return { ...slice, base: found, models };
}
