import type { CausalLm } from "../graph/causal-lm.ts";
import { InputError } from "../util/errors.ts";
import { llama } from "./llama.ts";

/** By config.json's `model_type`. */
const MODEL_TYPES: Readonly<Record<string, (json: unknown, file: string) => CausalLm>> = { llama };

/** @throws InputError when the model_type is missing or not one of ours */
export function causalLmOf(json: unknown, file: string): CausalLm {
  const type =
    typeof json === "object" && json !== null && "model_type" in json ? json.model_type : undefined;
  const make = typeof type === "string" ? MODEL_TYPES[type] : undefined;
  if (!make) {
    throw new InputError(
      `${file}: model_type ${JSON.stringify(type) ?? "is missing"} is not supported; supported: ${Object.keys(MODEL_TYPES).join(", ")}`,
    );
  }
  return make(json, file);
}
