/** The names that PEFT gives an adapter's tensors, in one spelling. */
import { InputError } from "../../util/errors.ts";
import type { TensorInfo } from "../../tensors/safetensors.ts";

/** Tensors that were saved with the adapter's name in them (state_dict of the model itself, old checkpoints). */
const ADAPTER_NAME =
  /\.(lora_A|lora_B|lora_embedding_A|lora_embedding_B|lora_magnitude_vector|ia3_l|modules_to_save|trainable_tokens_delta)\.default(?=\.|$)/;
/** PEFT takes the ending off itself when it saves. */
const MAGNITUDE = /\.lora_magnitude_vector\.weight$/;

/**
 * @returns the tensors by the name that PEFT's own files give them
 * @throws InputError naming two tensors that are the same one
 */
export function withPlainNames(
  tensors: ReadonlyMap<string, TensorInfo>,
): ReadonlyMap<string, TensorInfo> {
  const plain = new Map<string, TensorInfo>();
  for (const info of tensors.values()) {
    const name = info.name
      .replace(ADAPTER_NAME, ".$1")
      .replace(MAGNITUDE, ".lora_magnitude_vector");
    const other = plain.get(name);
    if (other) {
      throw new InputError(
        `${info.file}: tensors ${other.name} and ${info.name} are the same one of the adapter; leave one of them out`,
      );
    }
    plain.set(name, info);
  }
  return plain;
}
