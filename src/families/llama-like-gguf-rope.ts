/** A .gguf's rotary scaling in config.json's words. */
import { InputError } from "../util/errors.ts";
import type { GgufHeader } from "../gguf/header.ts";
import { ROPE_FACTORS } from "./llama-like-gguf-tensors.ts";
import { optionalNumber, optionalText, shortestDecimal } from "../gguf/metadata.ts";
import { readFloats } from "../gguf/read-tensor.ts";
import { largest } from "../util/largest.ts";

type RopeScaling = Readonly<Record<string, number | string>>;

/** The bands of every Llama 3.x that was published; only `factor` differs between them. */
const LLAMA3 = {
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 8192,
} as const;
/** The converter computed the factors in float32. */
const FACTOR_TOLERANCE = 1e-4;

interface Rope {
  /** `general.architecture`, before the keys. */
  architecture: string;
  theta: number;
  headSize: number;
  maxPositions: number;
}

/** @throws InputError for a scaling that config.json has no words for */
export async function ropeScaling(header: GgufHeader, rope: Rope): Promise<RopeScaling | null> {
  const byMetadata = metadataScaling(header, rope);
  const byFactors = await factorScaling(header, rope);
  if (byMetadata && byFactors) {
    throw new InputError(
      `${header.file}: has both ${rope.architecture}.rope.scaling.type and tensor ${ROPE_FACTORS}; not supported`,
    );
  }
  return byMetadata ?? byFactors;
}

type Get = (key: string) => number | undefined;

function metadataScaling(
  header: GgufHeader,
  { architecture, maxPositions }: Rope,
): RopeScaling | null {
  const get: Get = (key) => {
    const value = optionalNumber(header, `${architecture}.rope.${key}`);
    return value === undefined ? undefined : shortestDecimal(value);
  };
  const legacyFactor = get("scale_linear");
  const type =
    optionalText(header, `${architecture}.rope.scaling.type`) ??
    (legacyFactor === undefined ? "none" : "linear");
  const factor = get("scaling.factor") ?? legacyFactor;
  if (type === "none" || (type === "linear" && (factor ?? 1) === 1)) return null;
  if (factor === undefined) {
    throw new InputError(`${header.file}: metadata ${architecture}.rope.scaling.factor is missing`);
  }
  if (type === "linear") return named("linear", { factor });
  if (type !== "yarn") {
    throw new InputError(
      `${header.file}: ${architecture}.rope.scaling.type "${type}" is not supported; supported: none, linear, yarn`,
    );
  }
  if ((get("scaling.yarn_ext_factor") ?? 1) !== 1) {
    throw new InputError(
      `${header.file}: metadata ${architecture}.rope.scaling.yarn_ext_factor other than 1 is not supported`,
    );
  }
  return yarn(get, factor, maxPositions);
}

/** Under both of its names: transformers before 4.43 knows `type` only. */
function named(type: string, values: RopeScaling): RopeScaling {
  return { rope_type: type, type, ...values };
}

function yarn(get: Get, factor: number, maxPositions: number): RopeScaling {
  const original = get("scaling.original_context_length") ?? Math.round(maxPositions / factor);
  // llama.cpp multiplies YaRN's own factor by this one; config.json gives their product.
  const attention = get("scaling.attn_factor") ?? get("scaling.yarn_attn_factor");
  const fast = get("scaling.yarn_beta_fast");
  const slow = get("scaling.yarn_beta_slow");
  return named("yarn", {
    factor,
    original_max_position_embeddings: original,
    ...(attention !== undefined && { attention_factor: attention * (1 + 0.1 * Math.log(factor)) }),
    ...(fast !== undefined && { beta_fast: fast }),
    ...(slow !== undefined && { beta_slow: slow }),
  });
}

/** Llama 3's converter stores by what each frequency is divided, and none of what it computed that from. */
async function factorScaling(
  header: GgufHeader,
  { theta, headSize }: Rope,
): Promise<RopeScaling | null> {
  const tensor = header.tensors.get(ROPE_FACTORS);
  if (!tensor) return null;
  const factors = await readFloats(header.file, tensor);
  if (factors.every((each) => each === 1)) return null;
  const factor = shortestDecimal(largest(factors));
  const expected = Array.from({ length: headSize / 2 }, (_, i) =>
    llama3Divisor(theta ** ((-2 * i) / headSize), factor),
  );
  const fits =
    factors.length === expected.length &&
    expected.every((each, i) => Math.abs(each - (factors[i] ?? NaN)) <= FACTOR_TOLERANCE * each);
  if (!fits) {
    throw new InputError(
      `${header.file}: tensor ${ROPE_FACTORS} holds rotary factors that are not Llama 3's; not supported`,
    );
  }
  return named("llama3", { factor, ...LLAMA3 });
}

/** As transformers' `_compute_llama3_parameters`. @param frequency in radians per position */
function llama3Divisor(frequency: number, factor: number): number {
  const { low_freq_factor, high_freq_factor, original_max_position_embeddings } = LLAMA3;
  const turns = (original_max_position_embeddings * frequency) / (2 * Math.PI);
  if (turns > high_freq_factor) return 1;
  if (turns < low_freq_factor) return factor;
  const smooth = (turns - low_freq_factor) / (high_freq_factor - low_freq_factor);
  return 1 / ((1 - smooth) / factor + smooth);
}
