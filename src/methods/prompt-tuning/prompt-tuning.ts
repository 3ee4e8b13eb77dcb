/** Prompt tuning (arXiv 2104.08691) trains the embeddings of virtual tokens; p-tuning leaves the same behind. */
import { promptEmbeddings } from "../../adapter-files/peft/others.ts";
import { checkInVocabulary, loadTokenizer } from "../../data/tokenizer.ts";
import type { CausalLm, NamedShape } from "../../graph/causal-lm.ts";
import type { BaseModel } from "../../models/base-model.ts";
import type { PromptTuningMethod } from "../../protocol/methods/prompt-tuning.ts";
import { readTensor } from "../../tensors/safetensors.ts";
import { InputError } from "../../util/errors.ts";
import type { Adapter, TrainingMethod } from "../method.ts";
import { embeddingWidth } from "../modules.ts";
import { savePeft } from "../peft.ts";
import { normalSource, uniformSource } from "../random.ts";
import {
  PROMPT_EMBEDDINGS,
  besideVirtual,
  virtualFeeds,
  virtualTokens,
} from "../virtual-tokens.ts";

export const promptTuning: TrainingMethod<PromptTuningMethod> = {
  name: "prompt-tuning",
  tune: (method, { architecture }) => ({
    adapter: promptAdapter(method.tokens, architecture),
    start:
      (base, { seed }) =>
      (tensor) =>
        startOf(tensor, base, { seed, method }),
  }),
  reader: {
    peftTypes: ["PROMPT_TUNING", "P_TUNING"],
    adapter: (folder, { architecture }) => {
      const [tokens = 0] = promptEmbeddings(folder).shape;
      return promptAdapter(tokens, architecture);
    },
  },
};

function promptAdapter(tokens: number, architecture: CausalLm): Adapter {
  const { layers, heads } = architecture;
  const width = embeddingWidth(architecture);
  return {
    tensors: [{ name: PROMPT_EMBEDDINGS, shape: [tokens, width] }],
    hooks: (context) => {
      const replaced = virtualTokens(context);
      return { embedded: (x) => replaced(x, context.tensor(PROMPT_EMBEDDINGS)) };
    },
    virtualTokens: tokens,
    feeds: virtualFeeds,
    save: (dir, trained) =>
      savePeft(
        dir,
        {
          peft_type: "PROMPT_TUNING",
          num_virtual_tokens: tokens,
          token_dim: width,
          num_transformer_submodules: 1,
          num_attention_heads: heads,
          num_layers: layers,
          prompt_tuning_init: "RANDOM",
          ...besideVirtual(trained),
        },
        trained,
      ),
  };
}

/** @throws InputError when a text to start from has no token */
async function startOf(
  { name, shape }: NamedShape,
  base: BaseModel,
  { seed, method }: { seed: number; method: PromptTuningMethod },
): Promise<Float32Array> {
  const [tokens = 0, width = 0] = shape;
  const { vocabSize, embedding } = base.architecture;
  const info = base.weights.get(embedding);
  if (!info) throw new Error("internal: no embeddings");
  const table = await readTensor(info);
  const uniform = uniformSource(`${seed}:${name}`);
  if (method.init === "random") {
    const spread = Math.sqrt(table.reduce((sum, value) => sum + value * value, 0) / table.length);
    const normal = normalSource(uniform);
    return Float32Array.from({ length: tokens * width }, () => normal() * spread);
  }
  const ids =
    method.init === "text"
      ? await idsOfText(method.initText ?? "", base)
      : Array.from({ length: tokens }, () => Math.floor(uniform() * vocabSize));
  if (ids.length === 0) throw new InputError("method.initText has no token");
  const start = new Float32Array(tokens * width);
  for (let token = 0; token < tokens; token++) {
    const id = ids[token % ids.length] ?? 0;
    start.set(table.subarray(id * width, (id + 1) * width), token * width);
  }
  return start;
}

async function idsOfText(text: string, base: BaseModel): Promise<readonly number[]> {
  const tokenizer = await loadTokenizer(base.dir);
  const ids = await tokenizer.encode(text);
  const { vocabSize } = base.architecture;
  checkInVocabulary(ids, { vocabSize, tokenizer, place: "method.initText" });
  return ids;
}
