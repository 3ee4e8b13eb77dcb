import type { CausalLm } from "../graph/causal-lm.ts";
import { InputError } from "../util/errors.ts";
import { Registry } from "../util/registry.ts";
import { llama } from "./llama.ts";
import type { Model } from "./model.ts";
import { qwen2 } from "./qwen2.ts";

/** What is computed, by config.json's `model_type`. */
export const models = new Registry<Model>("model_type", [llama, qwen2]);

/** What Retune has no part for, of the types that people ask for first. */
const MISSING: ReadonlyMap<unknown, string> = new Map([
  ["qwen3_5", "linear attention by a gated delta rule"],
  ["qwen3_5_text", "linear attention by a gated delta rule"],
  ["gemma4", "keys and values that layers share"],
  ["gemma4_text", "keys and values that layers share"],
  ["gpt_oss", "experts and attention sinks"],
]);

/** @throws InputError when the model_type is missing or not one of ours */
export function causalLmOf(json: unknown, file: string): CausalLm {
  const type =
    typeof json === "object" && json !== null && "model_type" in json ? json.model_type : undefined;
  const model = typeof type === "string" ? models.find(type) : undefined;
  if (!model) {
    const missing = MISSING.get(type);
    const why = missing === undefined ? "" : ` (it needs ${missing})`;
    throw new InputError(
      `${file}: model_type ${JSON.stringify(type) ?? "is missing"} is not supported${why}; supported: ${models.all.map(({ name }) => name).join(", ")}`,
    );
  }
  return model.open(json, file);
}
