/**
 * A recipe says everything about a run. The same file starts it from the editor, the CLI or a
 * cluster. Paths are relative to the recipe's own folder. JSON with comments and trailing commas.
 *
 * Descriptions below are what the editor shows while a person types: they are user documentation.
 */
import * as z from "zod";
import { engineKeys, engineFactsOf, withOptionsPlaced } from "./engine-keys.ts";
import type { EngineChoice, EngineFacts } from "./engine-facts.ts";
import { ONNX_FOUND, type OnnxOptions, type OnnxOptionsInput } from "./engines/onnx.ts";
import { DEFAULT_METHOD, methodSchema, ratesOfMethods } from "./methods.ts";
import { DEFAULT_OBJECTIVE, objectiveSchema } from "./objectives.ts";
import { IDENTITY_KEYS, LAYER_KEYS, TRAINING_KEYS, optimizerSchema } from "./recipe-keys.ts";
import { rate } from "./recipe-limits.ts";

const ratedOptimizerSchema = optimizerSchema.extend({
  learningRate: rate
    .optional()
    .describe(`Peak learning rate. Left out, that of the method: ${ratesOfMethods()}.`),
});

/** What every recipe has, whatever its engine. */
export const sharedSchema = z.strictObject({
  ...IDENTITY_KEYS,
  method: methodSchema.prefault({ type: DEFAULT_METHOD }),
  ...LAYER_KEYS,
  objective: objectiveSchema.prefault({ type: DEFAULT_OBJECTIVE }),
  ...TRAINING_KEYS,
  optimizer: ratedOptimizerSchema.prefault({}),
});

/** The recipe of one engine, which may be none of ours: what its options mean only it knows. */
export function recipeSchemaOf(engine: EngineFacts): z.ZodObject {
  const { shape } = sharedSchema;
  return z.strictObject({ ...IDENTITY_KEYS, ...engineKeys(engine), ...shape });
}

/** Parsed as its engine takes it, whichever that is at the time. */
function byEngine<Output, Input>(
  schemaOf: (engine: EngineFacts) => z.ZodObject,
): z.ZodType<Output, Input> {
  // A tree of runs parses hundreds of recipes.
  const made = new WeakMap<EngineFacts, z.ZodObject>();
  const schema = z.unknown().transform((written, context) => {
    const { value, issues } = withOptionsPlaced(written);
    const engine = engineFactsOf(value);
    const own = made.get(engine) ?? schemaOf(engine);
    made.set(engine, own);
    const parsed = own.safeParse(value);
    const all = [...issues, ...(parsed.error?.issues ?? [])];
    for (const issue of all) context.issues.push(issue as never);
    return parsed.data;
  });
  return schema as unknown as z.ZodType<Output, Input>;
}

export type Recipe = z.output<typeof sharedSchema> &
  Partial<OnnxOptions> & { engine: EngineChoice };
export type RecipeInput = z.input<typeof sharedSchema> &
  Partial<OnnxOptionsInput> & { engine?: EngineChoice };

export const recipeSchema = byEngine<Recipe, RecipeInput>(recipeSchemaOf);

export function layerChoice({
  freeze,
  trainFirst,
  trainLast,
}: Recipe): Pick<Recipe, "freeze" | "trainFirst" | "trainLast"> {
  return { freeze, trainFirst, trainLast };
}
export type Packing = Recipe["data"]["packing"];

const resolvedKeys = {
  name: z.string().min(1),
  optimizer: optimizerSchema.extend({ learningRate: rate }),
  source: z.strictObject({
    recipePath: z.string().optional().describe("The recipe file that the run was started from."),
    retuneVersion: z.string(),
    createdAt: z.iso.datetime(),
  }),
  /** Filled in by the training process once it has read them: file path → sha256 in hex. */
  hashes: z.record(z.string(), z.string()).optional(),
  /** Filled in by the training process, e.g. { node: "24.1.0", "onnxruntime-node": "1.30.0" }. */
  versions: z.record(z.string(), z.string()).optional(),
  ...ONNX_FOUND,
};

const resolvedKeysSchema = z.object(resolvedKeys);

export type ResolvedRecipe = Omit<Recipe, keyof typeof resolvedKeys> &
  z.output<typeof resolvedKeysSchema>;

/** What a run really used, stored as `recipe.json` in its folder: absolute paths, no default left open. */
export const resolvedRecipeSchema = byEngine<ResolvedRecipe, ResolvedRecipe>((engine) =>
  recipeSchemaOf(engine).extend(resolvedKeys),
);
