/**
 * config.json of a pyreft folder, which is pyvene's IntervenableConfig, and the names of the files
 * beside it (pyvene/models/configuration_intervenable_model.py, intervenable_base.py).
 */
import path from "node:path";
import * as z from "zod";
import { InputError } from "../../util/errors.ts";
import type { ReftType } from "./intervention.ts";

/** The namedtuple RepresentationConfig is saved as a list in this order; older ones are shorter. */
const FIELDS = [
  "layer",
  "component",
  "unit",
  "max_number_of_units",
  "low_rank_dimension",
  "intervention_type",
  "intervention",
  "subspace_partition",
  "group_key",
  "intervention_link_key",
  "moe_key",
  "source_representation",
  "hidden_source_representation",
  "latent_dim",
] as const;
const MAX_INTERVENTIONS = 10_000;

const representationSchema = z.preprocess(
  (value) =>
    Array.isArray(value)
      ? Object.fromEntries(FIELDS.map((field, i) => [field, (value as unknown[])[i] ?? null]))
      : value,
  z.object({
    layer: z.int().min(0),
    component: z.string(),
    unit: z.string(),
    max_number_of_units: z.int(),
    low_rank_dimension: z.int().min(1).nullish(),
    intervention_link_key: z.union([z.string(), z.number()]).nullish(),
  }),
);

const configSchema = z.object({
  representations: z.array(representationSchema).min(1).max(MAX_INTERVENTIONS),
  intervention_types: z.array(z.string()),
  mode: z.literal("parallel").nullish(),
  _name_or_path: z.string().nullish(),
});

/** The classes of pyreft whose formulas are in intervention.ts. */
const CLASSES: ReadonlyMap<string, ReftType> = new Map([
  ["pyreft.interventions.LoreftIntervention", "loreft"],
  ["pyreft.interventions.DireftIntervention", "direft"],
  ["pyreft.interventions.NoreftIntervention", "noreft"],
]);
const BLOCK_OUTPUT = "block_output";
/** A block's output by its module path: "model.layers[15].output", "transformer.h[15].output" */
const BLOCK_PATH = /^(?:\w+\.)*\w+\[(\d+)\]\.output$/;

export interface PyreftRepresentation {
  type: ReftType;
  layer: number;
  /** What the config states; null in configs that leave it to the weights. */
  rank: number | null;
  /** The #n of its key: how many interventions before it are at the same place. */
  positionIndex: number;
  /** Interventions with the same key share their weights. */
  linkKey: string | number | null;
  /** What its file may be called, from the present naming back to the oldest. */
  fileNames: readonly string[];
}

export interface PyreftConfig {
  representations: readonly PyreftRepresentation[];
  /** pyreft 0.1 leaves it empty. */
  baseModel: string | null;
}

/** @throws InputError naming the key that is wrong or that Retune does not compute */
export function parsePyreftConfig(json: Record<string, unknown>, file: string): PyreftConfig {
  const parsed = configSchema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new InputError(`${file}: ${issue?.path.join(".")}: ${issue?.message}`);
  }
  const { representations, intervention_types: types, _name_or_path: base } = parsed.data;
  if (types.length !== representations.length) {
    throw new InputError(
      `${file}: intervention_types has ${types.length} entries, representations ${representations.length}; they go in pairs`,
    );
  }
  const counts = new Map<string, number>();
  return {
    representations: representations.map((each, i) => {
      const at = `${file}: representations.${i}`;
      if (each.unit !== "pos" || each.max_number_of_units !== 1) {
        throw new InputError(
          `${at} is for unit ${JSON.stringify(each.unit)} × ${each.max_number_of_units}, expected "pos" × 1: whole hidden states at single positions`,
        );
      }
      const stems = keyStems(each);
      const positionIndex = counts.get(stems[0]) ?? 0;
      counts.set(stems[0], positionIndex + 1);
      return {
        type: reftType(types[i] ?? "", `${file}: intervention_types.${i}`),
        layer: layerOf(each, at),
        rank: each.low_rank_dimension ?? null,
        positionIndex,
        linkKey: each.intervention_link_key ?? null,
        fileNames: stems.map((stem) => binaryName(stem, positionIndex)),
      };
    }),
    baseModel: base || null,
  };
}

/** The class is only compared; pyreft itself imports whatever is named here. */
function reftType(name: string, at: string): ReftType {
  const type = CLASSES.get(/^<class '(.+)'>$/.exec(name)?.[1] ?? "");
  if (type) return type;
  throw new InputError(
    `${at} is ${JSON.stringify(name.slice(0, 100))}; Retune computes ${[...CLASSES.keys()].join(", ")}`,
  );
}

interface Place {
  layer: number;
  component: string;
}

function layerOf({ layer, component }: Place, at: string): number {
  if (component === BLOCK_OUTPUT) return layer;
  const [, digits] = BLOCK_PATH.exec(component) ?? [];
  if (digits !== undefined) return Number(digits);
  throw new InputError(
    `${at} is for the component ${JSON.stringify(component.slice(0, 100))}; Retune intervenes at "block_output" only`,
  );
}

/**
 * pyvene named a key "layer.15.repr.block_output.unit.pos.nunit.1", then with "comp" for "repr", and
 * now with "_" for ".". A module path stands in place of layer and component.
 */
function keyStems({ layer, component }: Place): readonly [string, ...string[]] {
  if (component.includes(".")) {
    return [
      `comp_${component.replaceAll(".", "_")}_unit_pos_nunit_1`,
      `comp.${component}.unit.pos.nunit.1`,
    ];
  }
  return [
    `layer_${layer}_comp_${component}_unit_pos_nunit_1`,
    `layer.${layer}.comp.${component}.unit.pos.nunit.1`,
    `layer.${layer}.repr.${component}.unit.pos.nunit.1`,
  ];
}

function binaryName(stem: string, positionIndex: number): string {
  return `intkey_${stem}#${positionIndex}.bin`;
}

export interface PyreftPlace {
  type: ReftType;
  layer: number;
  rank: number;
  /** d, the model's width */
  width: number;
  positionIndex: number;
  linkKey: number | null;
}

/** The present name of an intervention's file. */
export function pyreftFileName({ layer, positionIndex }: PyreftPlace): string {
  return binaryName(keyStems({ layer, component: BLOCK_OUTPUT })[0], positionIndex);
}

/** What pyreft 0.1 writes as config.json for interventions in this order. */
export function pyreftConfigJson(places: readonly PyreftPlace[]): string {
  const className = (type: ReftType) =>
    [...CLASSES.keys()].find((name) => CLASSES.get(name) === type) ?? type;
  const representation = ({ layer, rank, linkKey }: PyreftPlace) => {
    const given: Partial<Record<(typeof FIELDS)[number], unknown>> = {
      layer,
      component: BLOCK_OUTPUT,
      unit: "pos",
      max_number_of_units: 1,
      low_rank_dimension: rank,
      intervention_link_key: linkKey,
    };
    return FIELDS.map((field) => given[field] ?? null);
  };
  const config = {
    intervention_constant_sources: places.map(() => true),
    intervention_dimensions: places.map(({ width }) => width),
    intervention_types: places.map(({ type }) => `<class '${className(type)}'>`),
    mode: "parallel",
    representations: places.map(representation),
    sorted_keys: places.map((place) => path.parse(pyreftFileName(place)).name.slice(7)),
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}
