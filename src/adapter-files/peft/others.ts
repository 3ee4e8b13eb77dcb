/** (IA)³, prompt tuning, p-tuning and prefix tuning in PEFT's format: a few tensors, and few ways to go wrong. */
import { InputError } from "../../util/errors.ts";
import { type PeftExtras, checkFloat, sortExtras } from "./extras.ts";
import type { PeftFolder } from "./folder.ts";
import type { TensorInfo } from "../../tensors/safetensors.ts";

const IA3 = /^base_model\.model\.(.+)\.ia3_l$/u;

/** Where PEFT keeps a classifier's head; beside virtual tokens it has no model of its own in between. */
export const PEFT_SCORE = "base_model.model.score.weight";
export const PEFT_SCORE_OF_PROMPT = "base_model.score.weight";

export interface Ia3Tensors {
  /** Module path in the base → its scales: [out,1], or [1,in] for a feed-forward module. */
  scales: ReadonlyMap<string, TensorInfo>;
  /** What stands beside them; not a classifier's head. */
  extras: PeftExtras;
}

/** @throws InputError naming the key or the tensor that is no part of an (IA)³ adapter */
export function ia3Tensors({ file, config, tensors }: PeftFolder): Ia3Tensors {
  if (config["fan_in_fan_out"] === true) {
    throw new InputError(
      `${file}: fan_in_fan_out is true, which Retune does not compute; merge it into its base with PEFT (merge_and_unload)`,
    );
  }
  const scales = new Map<string, TensorInfo>();
  const rest = new Map(tensors);
  if (config.task_type === "SEQ_CLS") rest.delete(PEFT_SCORE);
  for (const [name, info] of tensors) {
    const [, module] = IA3.exec(name) ?? [];
    if (module === undefined || info.shape.length !== 2) continue;
    checkFloat(info);
    scales.set(module, info);
    rest.delete(name);
  }
  const extras = sortExtras(rest, config, "(IA)³");
  if (scales.size === 0) throw new InputError(`${file}: the adapter holds no ia3_l tensors`);
  return { scales, extras };
}

/**
 * The one tensor of prompt tuning and p-tuning [tokens, C] or prefix tuning [tokens, layers·2·K·D], which a
 * classification head may stand beside. What made it in training, p-tuning's encoder or prefix tuning's
 * projection, PEFT does not save: the tensor is its result.
 */
export function promptEmbeddings(folder: PeftFolder): TensorInfo {
  const { file, config, tensors } = folder;
  const submodules = config["num_transformer_submodules"];
  if (typeof submodules === "number" && submodules !== 1) {
    throw new InputError(`${file}: num_transformer_submodules is ${submodules}, expected 1`);
  }
  const info = tensors.get("prompt_embeddings");
  const head = (config.task_type === "SEQ_CLS" ? tensors.get(PEFT_SCORE_OF_PROMPT) : undefined)
    ?.name;
  const other = [...tensors.keys()].find((name) => name !== "prompt_embeddings" && name !== head);
  if (!info || other !== undefined || info.shape.length !== 2) {
    const what = info ? (other ?? `prompt_embeddings [${info.shape.join(", ")}]`) : "nothing";
    throw new InputError(
      `${file}: expected one tensor prompt_embeddings of two axes, found ${what}`,
    );
  }
  checkFloat(info);
  return info;
}
