/**
 * What a merge of models is made of, in mergekit's spelling: a YAML file of mergekit's for a method that Retune
 * has means the same here. Paths are relative to the file's own folder. What mergekit knows and Retune does
 * not is no key here, so that it is refused and never ignored.
 */
import * as z from "zod";

export const methodNameSchema = z.enum([
  "linear",
  "slerp",
  "task-arithmetic",
  "ties",
  "dare-linear",
  "dare-ties",
  "passthrough",
  "model-soup",
]);
export type MethodName = z.infer<typeof methodNameSchema>;

/** A number, or a gradient: numbers spread evenly over the layers of the slice and interpolated between. */
const numberSchema = z.union([z.number(), z.array(z.number()).min(1)]);
/** Of those whose filter is part of the tensor's name the first; no filter, or "*", fits every tensor. */
const settingSchema = z.union(
  [
    numberSchema,
    z.array(z.strictObject({ filter: z.string().min(1).optional(), value: numberSchema })).min(1),
  ],
  "expected a number, a list of numbers (over the layers) or a list of {filter, value}",
);
export type Setting = z.infer<typeof settingSchema>;

const parametersSchema = z.strictObject({
  weight: settingSchema.optional(),
  density: settingSchema.optional(),
  t: settingSchema.optional(),
  scale: settingSchema.optional(),
  lambda: settingSchema.optional(),
  normalize: z.boolean().optional(),
  rescale: z.boolean().optional(),
  /** Saves memory in mergekit and changes no result. */
  int8_mask: z.boolean().optional(),
});
export type MergeParameters = z.infer<typeof parametersSchema>;

const folderSchema = z.string("expected a model's folder").min(1);

const modelSchema = z.strictObject({
  model: folderSchema,
  parameters: parametersSchema.optional(),
});

const sourceSchema = z.strictObject({
  model: folderSchema,
  /** Layers from the first to before the second. */
  layer_range: z.tuple(
    [z.int().min(0), z.int().min(1)],
    "expected two whole numbers, [first, end]: layers from first to before end",
  ),
  parameters: parametersSchema.optional(),
});

const sliceSchema = z.strictObject({
  sources: z.array(sourceSchema).min(1),
  parameters: parametersSchema.optional(),
});

/** transformers' names, as mergekit has them. */
const dtypeSchema = z.enum(["float32", "float16", "bfloat16"]);

export const mergeConfigSchema = z.strictObject({
  merge_method: z.preprocess(
    (name) => (typeof name === "string" ? name.replaceAll("_", "-") : name),
    methodNameSchema,
  ),
  base_model: folderSchema.optional(),
  models: z.array(modelSchema).min(1).optional(),
  slices: z.array(sliceSchema).min(1).optional(),
  parameters: parametersSchema.optional(),
  /** mergekit computes in it too; Retune computes in float32 or better and rounds once. */
  dtype: dtypeSchema.optional(),
  out_dtype: dtypeSchema.optional(),
  /** Whose tokenizer is copied: "base", "union", or one of the models; all must have the same vocabulary. */
  tokenizer_source: z.string().min(1).optional(),
  /** Of model-soup, Retune's own: a data file. Models are then added greedily, by their results on it. */
  evaluate_on: z.string().min(1).optional(),
});
export type MergeConfig = z.infer<typeof mergeConfigSchema>;
