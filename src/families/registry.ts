/** The families that are described, by config.json's `model_type`. */
import { Registry } from "../util/registry.ts";
import type { Family } from "./family.ts";
import { llamaFamily } from "./llama.ts";
import { qwen2Family } from "./qwen2.ts";
import { unknownFamily } from "./unknown.ts";

export const families = new Registry<Family>("model_type", [llamaFamily, qwen2Family]);

/** @returns of a type that no family describes one that guesses */
export function familyOf({ model_type: type }: { readonly model_type?: unknown }): Family {
  return (typeof type === "string" ? families.find(type) : undefined) ?? unknownFamily;
}

/** The family of a .gguf, by its `general.architecture`. */
export function familyOfGguf(architecture: string): Family {
  return families.all.find(({ gguf }) => gguf?.architecture === architecture) ?? unknownFamily;
}

/** What a checkpoint that is not at hand may call its embedding or its language head. */
export function mayBeVocabularyTable(name: string): boolean {
  return [...families.all, unknownFamily].some((family) => family.isVocabularyTable(name));
}
