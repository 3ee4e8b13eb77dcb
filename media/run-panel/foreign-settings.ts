/** What the run panel says of a recipe that this version does not know in part or at all: its own words. */
import type { ForeignRecipe } from "../../src/protocol/foreign-recipe.ts";
import type { SettingGroup } from "./settings.ts";

/** @param recipe set where the rest of it is shown as settings that are known */
export function foreignGroup(
  { reason, unknown }: ForeignRecipe,
  recipe: object | undefined,
): SettingGroup {
  return {
    title: recipe === undefined ? "Recipe" : "Not known here",
    settings: [{ label: "Not resumed here", value: reason }, ...flat(unknown, [])],
  };
}

/** A line for each value, under its path. */
function flat(value: unknown, keys: readonly string[]): SettingGroup["settings"] {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return Object.entries(value).flatMap(([key, inner]) => flat(inner, [...keys, key]));
  }
  return [
    { label: keys.join("."), value: typeof value === "string" ? value : JSON.stringify(value) },
  ];
}
