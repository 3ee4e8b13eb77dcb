import type { CausalLm } from "../graph/causal-lm.ts";
import { InputError } from "../util/errors.ts";
import { Registry } from "../util/registry.ts";
import { llama } from "./llama.ts";
import type { Model } from "./model.ts";

/** What is computed, by config.json's `model_type`. */
export const models = new Registry<Model>("model_type", [llama]);

/** @throws InputError when the model_type is missing or not one of ours */
export function causalLmOf(json: unknown, file: string): CausalLm {
  const type =
    typeof json === "object" && json !== null && "model_type" in json ? json.model_type : undefined;
  const model = typeof type === "string" ? models.find(type) : undefined;
  if (!model) {
    throw new InputError(
      `${file}: model_type ${JSON.stringify(type) ?? "is missing"} is not supported; supported: ${models.all.map(({ name }) => name).join(", ")}`,
    );
  }
  return model.open(json, file);
}
