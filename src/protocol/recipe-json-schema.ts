import * as z from "zod";
import { DEFAULT_ENGINE, ENGINE_FACTS } from "./engines.ts";
import { recipeSchemaOf } from "./recipe.ts";

/** JSON Schema of a recipe as a person writes it: everything with a default is optional. */
export function recipeJsonSchema(): object {
  const schema = z.toJSONSchema(recipeSchemaOf(DEFAULT_ENGINE), { io: "input" });
  return {
    ...schema,
    properties: { ...schema.properties, engine: engineJsonSchema() },
    title: "Retune recipe",
    allowComments: true,
    allowTrailingCommas: true,
  };
}

/** A name, or a name with the options of that engine. */
function engineJsonSchema(): object {
  const named = ENGINE_FACTS.all.map(({ name, description }) => ({ const: name, description }));
  const withOptions = ENGINE_FACTS.all.map(({ name, description, options }) => {
    const schema = z.strictObject({ type: z.literal(name), ...options }).describe(description);
    const { $schema: _, ...json } = z.toJSONSchema(schema, { io: "input" });
    return json;
  });
  return { default: DEFAULT_ENGINE.name, anyOf: [...named, ...withOptions] };
}
