/** Base models of random weights as Hugging Face folders, written once, tensor by tensor. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { uniformFloat64 } from "pure-rand/distribution/uniformFloat64";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { fromFloat32 } from "../../src/tensors/dtype.ts";
import { writeSafetensors } from "../../src/tensors/safetensors.ts";
import { type LlamaShape, headSize, tensorShapes } from "./shapes.ts";

export type WeightType = "F32" | "BF16";

const STANDARD_DEVIATION = 0.02;
const SEED = 42;
const CHUNK_VALUES = 2 ** 20;

export function configOf(shape: LlamaShape, dtype: WeightType): Record<string, unknown> {
  return {
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    hidden_size: shape.hidden,
    intermediate_size: shape.intermediate,
    num_hidden_layers: shape.layers,
    num_attention_heads: shape.heads,
    num_key_value_heads: shape.keyValueHeads,
    head_dim: headSize(shape),
    vocab_size: shape.vocabulary,
    tie_word_embeddings: shape.tied,
    hidden_act: "silu",
    max_position_embeddings: 4096,
    rms_norm_eps: 1e-5,
    rope_theta: 100_000,
    initializer_range: STANDARD_DEVIATION,
    attention_bias: false,
    mlp_bias: false,
    bos_token_id: 1,
    eos_token_id: 2,
    torch_dtype: dtype === "F32" ? "float32" : "bfloat16",
  };
}

/** Normal values by Box and Muller, both of each pair. */
function fillNormal(values: Float32Array, uniform: () => number): void {
  for (let i = 0; i < values.length; i += 2) {
    const radius = STANDARD_DEVIATION * Math.sqrt(-2 * Math.log(1 - uniform()));
    const angle = 2 * Math.PI * uniform();
    values[i] = radius * Math.cos(angle);
    if (i + 1 < values.length) values[i + 1] = radius * Math.sin(angle);
  }
}

async function* randomTensor(
  dims: readonly number[],
  { dtype, seed }: { dtype: WeightType; seed: number },
): AsyncGenerator<Uint8Array> {
  const random = xoroshiro128plus(seed);
  const uniform = (): number => uniformFloat64(random);
  let left = dims.reduce((a, b) => a * b, 1);
  while (left > 0) {
    const values = new Float32Array(Math.min(left, CHUNK_VALUES));
    // Norms are ones.
    if (dims.length === 1) values.fill(1);
    else fillNormal(values, uniform);
    yield fromFloat32(values, dtype);
    left -= values.length;
  }
}

/** The folder of a shape, made when it is not there yet. `config.json` comes last and so marks a whole one. */
export async function modelFolder(
  modelsDir: string,
  shape: LlamaShape,
  dtype: WeightType,
): Promise<string> {
  const { hidden, intermediate, layers, heads, keyValueHeads, vocabulary, tied } = shape;
  const name = `llama-h${hidden}-i${intermediate}-l${layers}-n${heads}-${keyValueHeads}-v${vocabulary}-${tied ? "tied" : "untied"}-${dtype.toLowerCase()}`;
  const dir = path.join(modelsDir, name);
  const config = path.join(dir, "config.json");
  if (existsSync(config)) return dir;
  mkdirSync(dir, { recursive: true });
  console.error(`writing ${path.relative(process.cwd(), dir)}`);
  const tensors = [...tensorShapes(shape)].map(([tensor, dims], index) => ({
    name: tensor,
    dtype,
    shape: dims,
    data: () => randomTensor(dims, { dtype, seed: SEED + index * 0x9e3779b1 }),
  }));
  await writeSafetensors(path.join(dir, "model.safetensors"), tensors, { format: "pt" });
  writeFileSync(config, JSON.stringify(configOf(shape, dtype), null, 2));
  return dir;
}
