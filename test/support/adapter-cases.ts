/** The methods of test/golden/adapters, as recipes say them. */
import { fileURLToPath } from "node:url";
import { type Method, methodSchema } from "../../src/protocol/methods.ts";
import { readPeftFolder } from "../../src/adapter-files/peft/folder.ts";
import { readTensor } from "../../src/tensors/safetensors.ts";

const QVD = ["q_proj", "v_proj", "down_proj"];
/** The base of test/golden/models, and the method. */
export const ADAPTER_CASES: Record<string, { variant: string; method: Method }> = {
  dora: {
    variant: "tied",
    method: methodSchema.parse({ type: "lora", variant: "dora", rank: 3, alpha: 6, targets: QVD }),
  },
  "dora-biased": {
    variant: "untied",
    method: methodSchema.parse({ type: "lora", variant: "dora", rank: 2, alpha: 4 }),
  },
  patterns: {
    variant: "tied",
    method: methodSchema.parse({
      type: "lora",
      variant: "rslora",
      rank: 4,
      alpha: 8,
      targets: QVD,
      rankPattern: { down_proj: 6 },
      alphaPattern: { q_proj: 12, "layers\\.1\\.self_attn\\.v_proj": 5 },
    }),
  },
  modules: {
    variant: "untied",
    method: methodSchema.parse({
      type: "lora",
      rank: 2,
      alpha: 4,
      targets: ["q_proj"],
      modulesToSave: ["lm_head", "model.norm"],
    }),
  },
  embedding: {
    variant: "tied",
    method: methodSchema.parse({
      type: "lora",
      rank: 3,
      alpha: 6,
      targets: ["embed_tokens", "q_proj"],
    }),
  },
  "dora-embedding": {
    variant: "tied",
    method: methodSchema.parse({
      type: "lora",
      variant: "dora",
      rank: 3,
      alpha: 6,
      targets: ["embed_tokens", "q_proj"],
    }),
  },
  ia3: {
    variant: "tied",
    method: methodSchema.parse({ type: "ia3", targets: ["k_proj", "v_proj", "down_proj"] }),
  },
  "ia3-biased": {
    variant: "untied",
    method: methodSchema.parse({
      type: "ia3",
      targets: ["q_proj", "o_proj", "up_proj", "down_proj"],
      feedForward: ["down_proj", "o_proj"],
    }),
  },
  "prompt-tuning": {
    variant: "tied",
    method: methodSchema.parse({ type: "prompt-tuning", tokens: 4 }),
  },
  "prefix-tuning": {
    variant: "untied",
    method: methodSchema.parse({ type: "prefix-tuning", tokens: 3 }),
  },
};

/** Saved as plain LoRA of twice the rank, so that its folder is not what the engine trains. */
export const PISSA_CASE: { variant: string; method: Method } = {
  variant: "tied",
  method: methodSchema.parse({ type: "lora", init: "pissa", rank: 3, alpha: 6, targets: QVD }),
};

/** The folder that PEFT saved. */
export function adapterGolden(name: string): string {
  return fileURLToPath(new URL(`../golden/adapters/${name}`, import.meta.url));
}

/** Values that PEFT saved, by the name that the engine uses. */
export async function savedTensor(folder: string, name: string): Promise<Float32Array> {
  const { tensors } = await readPeftFolder(folder);
  return readTensor(tensors.get(name) ?? tensors.get(`base_model.model.${name}`)!);
}
