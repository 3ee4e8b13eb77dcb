// A Llama of two layers with random weights and a byte-level tokenizer, made in code: small enough
// that a run on it takes seconds. Written by hand, not by the code under test.
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { xorshift128plus } from "pure-rand/generator/xorshift128plus";
import { elementCount } from "../../src/util/element-count.ts";

const HIDDEN = 32;
const INTERMEDIATE = 64;
const HEADS = 4;
const KEY_VALUE_HEADS = 2;
const LAYERS = 2;
const SPECIAL_TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
const VOCABULARY = 256 + SPECIAL_TOKENS.length;

const CHAT_TEMPLATE =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/** name → shape, as transformers saves a Llama with tied embeddings. */
function tensorShapes(vocabulary: number): Map<string, number[]> {
  const shapes = new Map([["model.embed_tokens.weight", [vocabulary, HIDDEN]]]);
  const keyValueWidth = (HIDDEN / HEADS) * KEY_VALUE_HEADS;
  for (let layer = 0; layer < LAYERS; layer++) {
    const at = `model.layers.${layer}`;
    shapes.set(`${at}.input_layernorm.weight`, [HIDDEN]);
    shapes.set(`${at}.post_attention_layernorm.weight`, [HIDDEN]);
    shapes.set(`${at}.self_attn.q_proj.weight`, [HIDDEN, HIDDEN]);
    shapes.set(`${at}.self_attn.k_proj.weight`, [keyValueWidth, HIDDEN]);
    shapes.set(`${at}.self_attn.v_proj.weight`, [keyValueWidth, HIDDEN]);
    shapes.set(`${at}.self_attn.o_proj.weight`, [HIDDEN, HIDDEN]);
    shapes.set(`${at}.mlp.gate_proj.weight`, [INTERMEDIATE, HIDDEN]);
    shapes.set(`${at}.mlp.up_proj.weight`, [INTERMEDIATE, HIDDEN]);
    shapes.set(`${at}.mlp.down_proj.weight`, [HIDDEN, INTERMEDIATE]);
  }
  shapes.set("model.norm.weight", [HIDDEN]);
  return shapes;
}

/** A safetensors file of random values, by hand: length, header, bytes. */
function writeWeights(file: string, shapes: ReadonlyMap<string, number[]>): void {
  const random = xorshift128plus(42);
  const header: Record<string, unknown> = { __metadata__: { format: "pt" } };
  const parts: Buffer[] = [];
  let offset = 0;
  for (const [name, shape] of shapes) {
    const count = elementCount(shape);
    // Uniform in ±0.08; norms are ones.
    const values = Float32Array.from({ length: count }, () =>
      shape.length === 1 ? 1 : (random.next() / 2 ** 31) * 0.08,
    );
    parts.push(Buffer.from(values.buffer));
    header[name] = { dtype: "F32", shape, data_offsets: [offset, offset + values.byteLength] };
    offset += values.byteLength;
  }
  let json = JSON.stringify(header);
  json += " ".repeat((8 - (json.length % 8)) % 8);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  writeFileSync(file, Buffer.concat([length, Buffer.from(json), ...parts]));
}

/** The letters that GPT-2's byte-level tokenizer shows for the 256 bytes. */
function byteLetters(): string[] {
  const printable = (byte: number) =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) =>
    String.fromCodePoint(printable(byte) ? byte : next++),
  );
}

/** Beyond the bytes and special tokens, words that no text has. */
function fillers(vocabulary: number): [string, number][] {
  return Array.from({ length: vocabulary - VOCABULARY }, (_, index) => [
    `filler${index}`,
    VOCABULARY + index,
  ]);
}

function tokenizer(vocabulary: number): unknown {
  const special = SPECIAL_TOKENS.map((content, index) => ({
    id: 256 + index,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }));
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true };
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: special,
    normalizer: null,
    pre_tokenizer: { ...byteLevel, use_regex: true },
    post_processor: null,
    decoder: { ...byteLevel, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries([
        ...[...byteLetters(), ...SPECIAL_TOKENS].map((letter, id): [string, number] => [
          letter,
          id,
        ]),
        ...fillers(vocabulary),
      ]),
      merges: [],
    },
  };
}

/** Writes the model as a Hugging Face folder. */
export function writeTinyLlama(folder: string, { vocabulary = VOCABULARY } = {}): void {
  mkdirSync(folder, { recursive: true });
  const json = (name: string, value: unknown) =>
    writeFileSync(path.join(folder, name), JSON.stringify(value, null, 2));
  json("config.json", {
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    vocab_size: vocabulary,
    hidden_size: HIDDEN,
    intermediate_size: INTERMEDIATE,
    num_hidden_layers: LAYERS,
    num_attention_heads: HEADS,
    num_key_value_heads: KEY_VALUE_HEADS,
    hidden_act: "silu",
    max_position_embeddings: 256,
    rms_norm_eps: 1e-5,
    rope_theta: 10_000,
    tie_word_embeddings: true,
    bos_token_id: 256,
    eos_token_id: 258,
    torch_dtype: "float32",
  });
  json("tokenizer.json", tokenizer(vocabulary));
  json("tokenizer_config.json", {
    tokenizer_class: "PreTrainedTokenizerFast",
    bos_token: "<|endoftext|>",
    eos_token: "<|im_end|>",
    pad_token: "<|endoftext|>",
    chat_template: CHAT_TEMPLATE,
    model_max_length: 256,
  });
  writeWeights(path.join(folder, "model.safetensors"), tensorShapes(vocabulary));
}

/** Writes a PEFT LoRA of rank 4 on the query projections. */
export function writeTinyAdapter(folder: string, base: string): void {
  mkdirSync(folder, { recursive: true });
  const config = {
    peft_type: "LORA",
    task_type: "CAUSAL_LM",
    base_model_name_or_path: base,
    r: 4,
    lora_alpha: 8,
    lora_dropout: 0,
    target_modules: ["q_proj"],
    bias: "none",
    fan_in_fan_out: false,
    inference_mode: true,
  };
  writeFileSync(path.join(folder, "adapter_config.json"), JSON.stringify(config, null, 2));
  const shapes = new Map<string, number[]>();
  for (let layer = 0; layer < LAYERS; layer++) {
    const at = `base_model.model.model.layers.${layer}.self_attn.q_proj`;
    shapes.set(`${at}.lora_A.weight`, [4, HIDDEN]);
    shapes.set(`${at}.lora_B.weight`, [HIDDEN, 4]);
  }
  writeWeights(path.join(folder, "adapter_model.safetensors"), shapes);
}
