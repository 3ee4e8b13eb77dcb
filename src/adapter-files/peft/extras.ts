/**
 * What an adapter of PEFT's may bring beside its method's own tensors: modules that were trained whole, single
 * tokens, biases, and copies of the base's own embedding and head. What is none of these is refused by name.
 */
import { InputError } from "../../util/errors.ts";
import { isJsonObject } from "../../util/json.ts";
import { isFloatDType } from "../../tensors/dtype.ts";
import type { PeftConfig } from "./any-config.ts";
import type { TensorInfo } from "../../tensors/safetensors.ts";
import { mayBeVocabularyTable } from "../../families/registry.ts";

export const PREFIX = "base_model.model.";
const TOKENS = ".token_adapter.trainable_tokens_delta";
/** Where PEFT's wrappers keep the base's own tensor. */
const WRAPPED = /\.(?:token_adapter\.base_layer|base_layer|original_module)(?=\.(?:weight|bias)$)/;

/** New embeddings of single tokens (trainable_token_indices). */
export interface TokenRows {
  /** Their ids, in the order of the rows. */
  tokens: readonly number[];
  /** [tokens, C] */
  values: TensorInfo;
}

export interface PeftExtras {
  /** By the base's name. */
  whole: ReadonlyMap<string, TensorInfo>;
  rows: ReadonlyMap<string, TokenRows>;
  /** What PEFT saved of the base itself, by the base's name. */
  copies: readonly { name: string; copy: TensorInfo }[];
  /** Tensors that PEFT saved twice. */
  twins: readonly (readonly [TensorInfo, TensorInfo])[];
  /** A head that the base ties to the embedding stays tied to it. */
  ensuresTie: boolean;
}

export const NO_EXTRAS: PeftExtras = {
  whole: new Map(),
  rows: new Map(),
  copies: [],
  twins: [],
  ensuresTie: false,
};

/**
 * @param rest tensors that are none of the method's own, by their plain names (peft-names.ts)
 * @param config.bias of LoRA: which biases are trained too
 * @param method for messages: "LoRA"
 * @throws InputError naming the tensor that is nothing PEFT saves, or what of the config does not fit it
 */
export function sortExtras(
  rest: ReadonlyMap<string, TensorInfo>,
  config: PeftConfig,
  method: string,
): PeftExtras {
  const whole = new Map<string, TensorInfo>();
  const rows = new Map<string, TokenRows>();
  const copies: { name: string; copy: TensorInfo }[] = [];
  const twins: [TensorInfo, TensorInfo][] = [];
  const { ensure_weight_tying: ensures, bias } = config;
  const trainsBias = bias === "all" || bias === "lora_only";
  for (const [plain, info] of rest) {
    checkFloat(info);
    const name = plain.startsWith(PREFIX) ? plain.slice(PREFIX.length) : undefined;
    if (name === undefined) throw noPart(info, method);
    const inner = name.replace(".modules_to_save.", ".");
    const twin = inner === name ? undefined : rest.get(PREFIX + inner);
    const own = name.replace(WRAPPED, "");
    if (name.endsWith(TOKENS)) {
      rows.set(`${name.slice(0, -TOKENS.length)}.weight`, rowsOf(name, info, config));
    } else if (twin) twins.push([twin, info]);
    else if (own.endsWith(".bias") && trainsBias) whole.set(own, info);
    else if (isNamed(inner, config["modules_to_save"]) || isTiedTo(inner, config))
      whole.set(inner, info);
    else if (mayBeVocabularyTable(own) || (own !== name && own.endsWith(".weight"))) {
      copies.push({ name: own, copy: info });
    } else throw noPart(info, method);
  }
  return { whole, rows, copies, twins, ensuresTie: ensures === true };
}

function noPart({ file, name }: TensorInfo, method: string): InputError {
  return new InputError(
    `${file}: tensor ${name} is no part of a ${method} adapter that Retune computes; take it out of the file if it does nothing, else merge the adapter with PEFT (merge_and_unload)`,
  );
}

/** As PEFT looks for them: a module's path, or that of one around it, ends in one of the names. */
function isNamed(tensor: string, modules: unknown): boolean {
  if (!Array.isArray(modules) || WRAPPED.test(tensor)) return false;
  const parts = tensor.split(".").slice(0, -1);
  const paths = parts.map((_, end) => parts.slice(0, end + 1).join("."));
  return paths.some((path) => modules.some((one) => path.endsWith(String(one))));
}

/** The head that ensure_weight_tying trains with the embedding, though modules_to_save names only one. */
function isTiedTo(tensor: string, config: PeftConfig): boolean {
  const { ensure_weight_tying: ensures, modules_to_save: modules } = config;
  if (ensures !== true || !Array.isArray(modules) || modules.length === 0) return false;
  return !WRAPPED.test(tensor) && mayBeVocabularyTable(tensor);
}

/** @throws InputError where config and tensor do not name as many tokens */
function rowsOf(name: string, values: TensorInfo, config: PeftConfig): TokenRows {
  const { trainable_token_indices: found } = config;
  const module = name.slice(0, -TOKENS.length);
  const byModule = isJsonObject(found);
  const entries = Object.entries(byModule ? found : {});
  const [, listed] = byModule
    ? // A tied head's rows are saved beside the embedding's, which alone has a name.
      (entries.find(([key]) => module.endsWith(key)) ?? entries[0] ?? [])
    : [undefined, found];
  const tokens: unknown[] = Array.isArray(listed) ? listed : [];
  const ids = tokens.filter((id): id is number => Number.isInteger(id) && Number(id) >= 0);
  const isFitting = ids.length === tokens.length && ids.length === values.shape[0];
  if (isFitting && values.shape.length === 2 && new Set(ids).size === ids.length) {
    return { tokens: ids, values };
  }
  throw new InputError(
    `${values.file}: tensor ${values.name} is [${values.shape.join(", ")}], but trainable_token_indices of adapter_config.json gives it ${JSON.stringify(listed ?? null).slice(0, 60)}; there must be a row for each of its tokens`,
  );
}

/** @throws InputError naming the tensor of another type */
export function checkFloat({ file, name, dtype }: TensorInfo): void {
  if (isFloatDType(dtype)) return;
  throw new InputError(`${file}: tensor ${name} is ${dtype}, expected F32, F16 or BF16`);
}
