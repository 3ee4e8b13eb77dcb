/**
 * What a merge of models is made of, in mergekit's spelling: a YAML file of mergekit's for a method that Retune
 * has means the same here. Paths are relative to the file's own folder. mergekit ignores what it does not
 * know; here an unknown key is refused, so that a slip of the pen is no other merge.
 */
import * as z from "zod";
import { parseDecimal } from "../util/parse-decimal.ts";
import {
  MERGE_PARAMETERS,
  METHOD_NAMES,
  type MergeParameterName,
  type MethodName,
} from "./merge-methods.ts";

/** As mergekit's pydantic reads numbers: text and booleans too. */
const numberSchema = z.preprocess((value) => {
  if (typeof value === "boolean") return Number(value);
  return typeof value === "string" ? (parseDecimal(value) ?? value) : value;
}, z.number("expected a number"));

const TRUE = /^(true|t|yes|y|on|1)$/iu;
const FALSE = /^(false|f|no|n|off|0)$/iu;
/** As pydantic reads booleans. */
const flagSchema = z.preprocess((value) => {
  if (value === 1 || (typeof value === "string" && TRUE.test(value))) return true;
  return value === 0 || (typeof value === "string" && FALSE.test(value)) ? false : value;
}, z.boolean("expected true or false"));

export type Scalar = number | boolean;
/** Over the layers of the slice: numbers spread evenly and interpolated between. */
export type Gradient = Scalar | Scalar[];
export interface Condition {
  /** Part of the tensor's name; left out, or "*": of every one. */
  filter?: string | undefined;
  value: Gradient;
}
/** The first condition that fits decides. */
export type Setting = Gradient | Condition | Condition[];

function settingOf(scalar: z.ZodType<Scalar>): z.ZodType<Setting> {
  const gradient = z.union([scalar, z.array(scalar)]);
  const condition = z.strictObject({ filter: z.string().min(1).optional(), value: gradient });
  return z.union(
    [gradient, condition, z.array(condition)],
    "expected a number, a list of numbers (over the layers) or a list of {filter, value}; true or false for a switch",
  );
}

const numberSetting = settingOf(numberSchema);
const flagSetting = settingOf(flagSchema);

type ParameterShape = Record<MergeParameterName | "int8_mask", z.ZodOptional<z.ZodType<Setting>>>;

const shape = Object.fromEntries(
  Object.entries(MERGE_PARAMETERS).map(([name, { kind }]) => [
    name,
    (kind === "flag" ? flagSetting : numberSetting).optional(),
  ]),
);
const parametersSchema = z.strictObject({
  ...shape,
  /** Saves memory in mergekit and changes no result. */
  int8_mask: flagSetting.optional(),
} as ParameterShape);
export type MergeParameters = z.infer<typeof parametersSchema>;

const pathSchema = z.union([
  z.string().min(1),
  z
    .strictObject({ path: z.string().min(1), revision: z.string().min(1).optional() })
    .transform(({ path, revision }) => (revision === undefined ? path : `${path}@${revision}`)),
]);
/** A folder or a name on the hub, with "@revision" and "+adapter"; or mergekit's long form of it. */
const referenceSchema = z.union(
  [
    z.string().min(1),
    z
      .strictObject({ model: pathSchema, lora: pathSchema.optional() })
      .transform(({ model, lora }) => (lora === undefined ? model : `${model}+${lora}`)),
  ],
  "expected a model's folder, or its name on the hub",
);

const modelSchema = z.strictObject({
  model: referenceSchema,
  parameters: parametersSchema.optional(),
  name: z.unknown().optional(),
  revision: z.unknown().optional(),
});

const sourceSchema = z.strictObject({
  ...modelSchema.shape,
  /** Layers from the first to before the second. */
  layer_range: z
    .array(numberSchema)
    .refine(
      (range): range is [number, number] => range.length === 2 && range.every(Number.isInteger),
      "expected two whole numbers, [first, end]: layers from first to before end",
    ),
});

const sliceSchema = z.strictObject({
  sources: z.array(sourceSchema).min(1),
  base_model: referenceSchema.optional(),
  parameters: parametersSchema.optional(),
  name: z.unknown().optional(),
  merge_method: z.unknown().optional(),
  residual_weight: z.unknown().optional(),
});

const inputs = {
  models: z.array(modelSchema).min(1).optional(),
  slices: z.array(sliceSchema).min(1).optional(),
};

const moduleSchema = z.strictObject({
  ...inputs,
  parameters: parametersSchema.optional(),
  name: z.unknown().optional(),
});

/** Where the embedding of a token comes from. */
const tokenSourceSchema = z.union(
  [
    z.strictObject({ kind: z.literal("zero") }),
    z.strictObject({
      kind: z.literal("model_token"),
      model: referenceSchema,
      token: z.string().optional(),
      token_id: z.int().min(0).optional(),
    }),
    referenceSchema,
  ],
  "expected a model, {kind: zero} or {kind: model_token, model, token or token_id}",
);
export type TokenSource = z.infer<typeof tokenSourceSchema>;

const tokenizerSchema = z.strictObject({
  source: referenceSchema.default("union"),
  tokens: z
    .record(
      z.string(),
      z.strictObject({ source: tokenSourceSchema.optional(), force: flagSchema.optional() }),
    )
    .optional(),
  pad_to_multiple_of: numberSchema.pipe(z.int().min(1).max(65_536)).optional(),
});

/** transformers' names, as mergekit has them. */
const dtypeSchema = z.preprocess(
  (name) => (typeof name === "string" ? name.replace(/^torch\./u, "") : name),
  z.enum(["float64", "float32", "float16", "bfloat16"]),
);

export const methodNameSchema: z.ZodType<MethodName> = z.preprocess(
  (name) => (typeof name === "string" ? name.replaceAll("_", "-") : name),
  z.enum(METHOD_NAMES),
);

export const mergeConfigSchema = z.strictObject({
  merge_method: methodNameSchema,
  base_model: referenceSchema.optional(),
  ...inputs,
  /** A language model has one, "default": as if its keys stood in the file itself. */
  modules: z.strictObject({ default: moduleSchema.optional() }).optional(),
  parameters: parametersSchema.optional(),
  /** mergekit computes in it too; Retune computes in float32 or better and rounds once. */
  dtype: dtypeSchema.optional(),
  out_dtype: dtypeSchema.optional(),
  /** "base", "union", or one of the models: embeddings are rearranged to its vocabulary. */
  tokenizer_source: referenceSchema.optional(),
  tokenizer: tokenizerSchema.optional(),
  /** "auto", "chatml" or the template itself. */
  chat_template: z.string().min(1).optional(),
  name: z.unknown().optional(),
  /** For model-soup, Retune's own key: a data file. Models are then added greedily, by their results on it. */
  evaluate_on: z.string().min(1).optional(),
});
export type MergeConfig = z.infer<typeof mergeConfigSchema>;
