/** Models whose weights are stored quantised by another tool: recognised before a tensor is looked at. */
import { open } from "node:fs/promises";
import path from "node:path";
import { InputError } from "../util/errors.ts";
import type { JsonObject } from "../util/json.ts";
import { pathExists } from "../util/path-exists.ts";

/** Keys of config.json: transformers', compressed-tensors' older one, MLX's. */
const KEYS = ["quantization_config", "compression_config", "quantization"] as const;
/** Tools that kept it in a file of its own. */
const FILES: Readonly<Record<string, string>> = {
  "quantize_config.json": "gptq",
  "quant_config.json": "awq",
  "hf_quant_config.json": "modelopt",
};
/** So much of README.md is read: its front matter is at the start. */
const CARD_BYTES = 16_384;

/**
 * One sentence for a model that is quantised, with the way out; undefined for one that is not.
 * @param config of the folder's config.json
 */
export async function foreignQuantisation(
  dir: string,
  config: JsonObject,
): Promise<string | undefined> {
  const key = KEYS.find((one) => typeof config[one] === "object" && config[one] !== null);
  if (key !== undefined) {
    const how = description(config[key] as JsonObject, key === "quantization" ? "mlx" : key);
    return sentence(dir, config, { file: path.join(dir, "config.json"), where: key, how });
  }
  for (const [name, how] of Object.entries(FILES)) {
    const file = path.join(dir, name);
    if (await pathExists(file)) return sentence(dir, config, { file, where: undefined, how });
  }
  return undefined;
}

/** @throws InputError for such a model */
export async function refuseForeignQuantisation(dir: string, config: JsonObject): Promise<void> {
  const found = await foreignQuantisation(dir, config);
  if (found !== undefined) throw new InputError(found);
}

/** "bitsandbytes, 4 bits"; some name no method, and one is known by its keys. */
function description(config: JsonObject, unnamed: string): string {
  const { quant_method: method, load_in_4bit: in4, load_in_8bit: in8, bits, w_bit } = config;
  const name = typeof method === "string" ? method : in4 || in8 ? "bitsandbytes" : unnamed;
  const width = [bits, w_bit, in4 === true ? 4 : undefined, in8 === true ? 8 : undefined].find(
    (each) => typeof each === "number",
  );
  return width === undefined ? name : `${name}, ${width} bits`;
}

async function sentence(
  dir: string,
  config: JsonObject,
  { file, where, how }: { file: string; where: string | undefined; how: string },
): Promise<string> {
  const origin = await fullPrecisionName(dir, config);
  const instead = origin === undefined ? "the model it was quantised from" : origin;
  const at = where === undefined ? "" : `${where}: `;
  return `${file}: the model is quantised (${at}${how}), and Retune needs weights in float32, float16 or bfloat16: use ${instead}; a recipe's "quantization" stores a base in 8 or 4 bits while it is trained`;
}

/** The repository that the folder names as its origin: README.md's `base_model`, or config.json's `_name_or_path`. */
async function fullPrecisionName(dir: string, config: JsonObject): Promise<string | undefined> {
  const [, front] = /^\uFEFF?---\r?\n([\s\S]*?)\r?\n---/u.exec(await cardStart(dir)) ?? [];
  const [, stated] =
    /^base_model:[ \t]*(?:\r?\n[ \t]*-[ \t]*|\[[ \t]*)?["']?([\w.-]+\/[\w.-]+)/mu.exec(
      front ?? "",
    ) ?? [];
  if (stated !== undefined) return `${stated}, which its README.md names as base_model`;
  const { _name_or_path: name } = config;
  // A path of another machine tells nothing.
  return typeof name === "string" && /^[\w.-]+\/[\w.-]+$/u.test(name) && !name.startsWith(".")
    ? `${name}, which its config.json names (_name_or_path), if that is in full precision`
    : undefined;
}

async function cardStart(dir: string): Promise<string> {
  const handle = await open(path.join(dir, "README.md")).catch(() => undefined);
  if (!handle) return "";
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(CARD_BYTES), 0, CARD_BYTES, 0);
    return buffer.toString("utf8", 0, bytesRead);
  } catch {
    return "";
  } finally {
    await handle.close();
  }
}
