/** (IA)³, prompt tuning and prefix tuning in PEFT's format: a few tensors, and few ways to go wrong. */
import { InputError } from "../util/errors.ts";
import { isFloatDType } from "./dtype.ts";
import type { PeftFolder } from "./peft-folder.ts";
import type { TensorInfo } from "./safetensors.ts";

const IA3 = /^base_model\.model\.(.+)\.ia3_l$/u;

/** Where PEFT keeps a classifier's head; beside virtual tokens it has no model of its own in between. */
const PEFT_SCORE = "base_model.model.score.weight";
const PEFT_SCORE_OF_PROMPT = "base_model.score.weight";

export function peftScoreName(peftType: string): string {
  return /^(PROMPT|PREFIX)_TUNING$/u.test(peftType) ? PEFT_SCORE_OF_PROMPT : PEFT_SCORE;
}

/** The classification head [labels, C] that an adapter brings along. */
export function peftScore({ config, tensors }: PeftFolder): TensorInfo | undefined {
  return config.task_type === "SEQ_CLS" ? tensors.get(peftScoreName(config.peft_type)) : undefined;
}

/** Modules that PEFT takes for a classification head; a model has one of them. */
const HEADS = ["score", "classifier"];

function namesHeads(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => HEADS.includes(String(one)));
}

/** Module path in the base → its scales: [out,1], or [1,in] for a feed-forward module. */
export function ia3Tensors({ file, config, tensors }: PeftFolder): ReadonlyMap<string, TensorInfo> {
  for (const key of ["modules_to_save", "fan_in_fan_out"]) {
    const value = config[key];
    if (!value || (config.task_type === "SEQ_CLS" && namesHeads(value))) continue;
    if (Array.isArray(value) && value.length === 0) continue;
    throw new InputError(
      `${file}: ${key} is ${JSON.stringify(value)}, which Retune does not compute; merge it into its base with PEFT (merge_and_unload)`,
    );
  }
  const found = new Map<string, TensorInfo>();
  for (const info of tensors.values()) {
    if (config.task_type === "SEQ_CLS" && info.name === PEFT_SCORE) continue;
    const [, module] = IA3.exec(info.name) ?? [];
    if (module === undefined || info.shape.length !== 2) {
      throw new InputError(`${info.file}: tensor ${info.name} is no part of an (IA)³ adapter`);
    }
    checkFloat(info);
    found.set(module, info);
  }
  if (found.size === 0) throw new InputError(`${file}: the adapter holds no ia3_l tensors`);
  return found;
}

/**
 * The one tensor of prompt tuning [tokens, C] or prefix tuning [tokens, layers·2·K·D], which a
 * classification head may stand beside.
 */
export function promptEmbeddings(folder: PeftFolder): TensorInfo {
  const { file, config, tensors } = folder;
  if (config["prefix_projection"] === true) {
    throw new InputError(
      `${file}: prefix_projection is true, expected false: an adapter saved for use has the projection computed`,
    );
  }
  const submodules = config["num_transformer_submodules"];
  if (typeof submodules === "number" && submodules !== 1) {
    throw new InputError(`${file}: num_transformer_submodules is ${submodules}, expected 1`);
  }
  const info = tensors.get("prompt_embeddings");
  const head = peftScore(folder)?.name;
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

function checkFloat({ file, name, dtype }: TensorInfo): void {
  if (isFloatDType(dtype)) return;
  throw new InputError(`${file}: tensor ${name} is ${dtype}, expected F32, F16 or BF16`);
}
