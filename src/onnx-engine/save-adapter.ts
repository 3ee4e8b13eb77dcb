/** Writes an adapter as PEFT does, so that PEFT loads it. */
import type { Adapter } from "../adapters/adapter.ts";
import type { LoraAdapter } from "../adapters/lora.ts";
import type { ReftAdapter } from "../adapters/reft.ts";
import type { BaseModel } from "../models/base-model.ts";
import { SCORE, classifierFiles } from "../adapter-files/classifier-head.ts";
import { peftScoreName } from "../adapter-files/peft/others.ts";
import { fromFloat32 } from "../tensors/dtype.ts";
import type { PeftConfig } from "../adapter-files/peft/any-config.ts";
import { writePeftFolder } from "../adapter-files/peft/folder.ts";
import type { TensorToWrite } from "../tensors/safetensors.ts";
import type { Tuning } from "./ort-graphs.ts";
import { embeddingWidth } from "./tuning-of.ts";
import { moduleOf } from "../util/tensor-patterns.ts";

interface Trained {
  base: BaseModel;
  tuning: Tuning;
  tensors: readonly { name: string; shape: readonly number[]; values: Float32Array }[];
  /** What `base_model_name_or_path` shall say. */
  baseModel: string;
}

type PeftAdapter = Exclude<Adapter, ReftAdapter>;

/** @throws what the file system throws; the folder then is as it was before */
export async function saveAdapter(
  dir: string,
  adapter: PeftAdapter,
  result: Trained,
): Promise<void> {
  const { base, tuning, tensors, baseModel } = result;
  const config: PeftConfig = {
    ...methodConfig(adapter, result),
    task_type: base.classifier ? "SEQ_CLS" : "CAUSAL_LM",
    base_model_name_or_path: baseModel,
    inference_mode: true,
  };
  const nameOf = (tensor: string): string => {
    if (!tuning.trained.has(tensor)) return tensor;
    return tensor === SCORE ? peftScoreName(config.peft_type) : `base_model.model.${tensor}`;
  };
  await writePeftFolder(
    dir,
    config,
    tensors.map(({ name, shape, values }): TensorToWrite => ({
      name: nameOf(name),
      dtype: "F32",
      shape,
      data: fromFloat32(values, "F32"),
    })),
    base.classifier && classifierFiles(base.classifier),
  );
}

function methodConfig(adapter: PeftAdapter, { base, tuning }: Trained): PeftConfig {
  const { architecture } = base;
  const { layers, heads, keyValueHeads } = architecture;
  const modules = (paths: readonly string[]): string[] =>
    targetModules(
      paths,
      architecture.linearLayers.map(({ path }) => path),
    );
  const whole = [...new Set([...tuning.trained].map(moduleOf))];
  const modulesToSave = whole.length > 0 ? whole : null;
  switch (adapter.type) {
    case "lora":
      return loraConfig(adapter, { modules, modulesToSave });
    case "ia3": {
      const paths = (sites: typeof adapter.sites): string[] =>
        modules(sites.map(({ layer }) => layer.path));
      return {
        peft_type: "IA3",
        target_modules: paths(adapter.sites),
        feedforward_modules: paths(adapter.sites.filter(({ isFeedForward }) => isFeedForward)),
        fan_in_fan_out: false,
        modules_to_save: modulesToSave,
      };
    }
    case "prompt-tuning":
      return {
        peft_type: "PROMPT_TUNING",
        num_virtual_tokens: adapter.tokens,
        token_dim: embeddingWidth(architecture),
        num_transformer_submodules: 1,
        num_attention_heads: heads,
        num_layers: layers,
        prompt_tuning_init: "RANDOM",
        // Older versions of PEFT do not know the key here.
        ...(modulesToSave ? { modules_to_save: modulesToSave } : {}),
      };
    case "prefix-tuning":
      return {
        peft_type: "PREFIX_TUNING",
        num_virtual_tokens: adapter.tokens,
        // PEFT's prefix tuning of grouped queries counts key heads only.
        token_dim: adapter.width,
        num_transformer_submodules: 1,
        num_attention_heads: keyValueHeads,
        num_layers: layers,
        encoder_hidden_size: adapter.width,
        prefix_projection: false,
        ...(modulesToSave ? { modules_to_save: modulesToSave } : {}),
      };
  }
}

function loraConfig(
  adapter: LoraAdapter,
  {
    modules,
    modulesToSave,
  }: {
    modules: (paths: readonly string[]) => string[];
    modulesToSave: readonly string[] | null;
  },
): PeftConfig {
  const { sites, embedding, rank, alpha, dropout, rankPattern, alphaPattern } = adapter;
  const { useRslora, useDora } = adapter;
  return {
    peft_type: "LORA",
    r: rank,
    lora_alpha: alpha,
    lora_dropout: dropout,
    use_rslora: useRslora,
    use_dora: useDora,
    rank_pattern: rankPattern ?? {},
    alpha_pattern: alphaPattern ?? {},
    target_modules: [
      ...modules(sites.map(({ layer }) => layer.path)),
      ...(embedding ? [embedding.path] : []),
    ],
    bias: "none",
    fan_in_fan_out: false,
    modules_to_save: modulesToSave,
  };
}

/** Names without their layer where that says exactly the same, else whole paths. */
function targetModules(paths: readonly string[], all: readonly string[]): string[] {
  const last = (each: string): string => each.split(".").at(-1) ?? each;
  const chosen = new Set(paths);
  const names = new Set(paths.map(last));
  const same = all.every((each) => names.has(last(each)) === chosen.has(each));
  return [...(same ? names : chosen)].toSorted();
}
