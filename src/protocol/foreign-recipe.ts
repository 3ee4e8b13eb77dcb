/**
 * recipe.json of a run that this version can show and not go on with: of an engine that it has not, or
 * of a newer version. What of it is known is validated; what is not stays as it is.
 */
import * as z from "zod";

/** A name, or a name with options: {"type": "moe", …}. */
const named = z
  .union([z.string().min(1), z.looseObject({ type: z.string().min(1) })])
  .transform((found) => (typeof found === "string" ? found : found.type))
  .optional()
  .catch(undefined);
const text = z.string().min(1).optional().catch(undefined);

/** The words of a recipe that trees and panels show; one of another type is as good as missing. */
export const foreignRecipeSchema = z.object({
  name: text,
  base: text,
  engine: named,
  method: named,
  objective: named,
  data: z.object({ train: text, eval: text }).optional().catch(undefined),
  epochs: z.number().min(0).optional().catch(undefined),
  keepBest: z.boolean().optional().catch(undefined),
  source: z
    .object({
      recipePath: text,
      retuneVersion: text,
      createdAt: z.iso.datetime().optional().catch(undefined),
    })
    .optional()
    .catch(undefined),
});

export interface ForeignRecipe extends z.output<typeof foreignRecipeSchema> {
  /** Why this version can't go on with it, in one line. */
  reason: string;
  /** What this version does not know of it, by path; where that is more than single keys, all of it. */
  unknown: Record<string, unknown>;
}
