/** LoRA adapters in llama.cpp's .gguf files: told apart from models, and described. Retune does not compute them. */
import { InputError } from "../util/errors.ts";
import { type GgufHeader, readGgufHeader } from "./header.ts";
import { elementCount } from "../util/element-count.ts";

export const GGUF_ADAPTER_WAY_OUT =
  "Retune computes adapters as PEFT saves them: give the folder that it was converted from, or use it with llama.cpp (--lora)";

const FACTOR_A = /^(.+)\.weight\.lora_a$/u;

export function isGgufAdapter({ metadata }: GgufHeader): boolean {
  return metadata.get("general.type") === "adapter";
}

/** @throws InputError with the way out for an adapter */
export function checkIsNoAdapter(header: GgufHeader): void {
  if (!isGgufAdapter(header)) return;
  throw new InputError(
    `${header.file} is an adapter of llama.cpp's (general.type adapter), no model; ${GGUF_ADAPTER_WAY_OUT}`,
  );
}

export interface GgufAdapterFacts {
  rank: number | undefined;
  alpha: number | undefined;
  parameters: number;
  bytes: number;
  base: string | undefined;
  /** Last parts of the names in llama.cpp's spelling: "attn_q". */
  targets: readonly string[];
}

/** @throws InputError for a file that is no GGUF, or no adapter */
export async function readGgufAdapter(file: string): Promise<GgufAdapterFacts> {
  const header = await readGgufHeader(file);
  if (!isGgufAdapter(header)) throw new InputError(`${file} is a model, no adapter`);
  const { metadata, tensors, size } = header;
  let rank: number | undefined;
  const targets = new Set<string>();
  let parameters = 0;
  for (const { name, shape } of tensors.values()) {
    parameters += elementCount(shape);
    const [, module] = FACTOR_A.exec(name) ?? [];
    if (module === undefined) continue;
    rank = Math.max(rank ?? 0, shape[0] ?? 0);
    targets.add(module.split(".").at(-1) ?? module);
  }
  const alpha = metadata.get("adapter.lora.alpha");
  const base = metadata.get("general.base_model.0.name");
  return {
    rank,
    alpha: typeof alpha === "number" ? alpha : undefined,
    parameters,
    bytes: size,
    base: typeof base === "string" ? base : undefined,
    targets: [...targets].toSorted(),
  };
}
