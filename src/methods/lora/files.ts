/** LoRA between the engine's parameters and PEFT's folder. */
import {
  type LoraModule,
  type PeftAdapter,
  loraAdapterOf,
} from "../../adapter-files/peft/adapter.ts";
import type { PeftConfig } from "../../adapter-files/peft/any-config.ts";
import type { PeftFolder } from "../../adapter-files/peft/folder.ts";
import { type CausalLm, embeddingTensor } from "../../graph/causal-lm.ts";
import type { BaseModel } from "../../models/base-model.ts";
import { InputError } from "../../util/errors.ts";
import type { TrainedAdapter } from "../method.ts";
import { placeOf } from "../modules.ts";
import { modulesToSave, savePeft, targetModules } from "../peft.ts";
import type { LoraEmbedding, LoraSettings, LoraSite } from "./lora.ts";
import { plainFactors, plainLora } from "./pissa.ts";

export function saveLora(
  dir: string,
  settings: LoraSettings,
  trained: TrainedAdapter,
): Promise<void> {
  if (!settings.fromPrincipal) return savePeft(dir, configOf(settings, trained), trained);
  const config = configOf(plainLora(settings), trained);
  return savePeft(dir, config, { ...trained, tensors: plainFactors(trained) });
}

function configOf(
  {
    sites,
    embedding,
    rank,
    alpha,
    dropout,
    rankPattern,
    alphaPattern,
    useRslora,
    useDora,
  }: LoraSettings,
  trained: TrainedAdapter,
): PeftConfig {
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
      ...targetModules(
        sites.map(({ layer }) => layer.path),
        trained.base.architecture,
      ),
      ...(embedding ? [embedding.path] : []),
    ],
    bias: "none",
    fan_in_fan_out: false,
    modules_to_save: modulesToSave(trained),
  };
}

/** @throws InputError naming the tensor that the base has no place for or whose shape does not fit */
export function filedSettings(folder: PeftFolder, base: BaseModel): LoraSettings {
  const peft = loraAdapterOf(folder);
  const { config } = peft;
  const { r: rank, lora_alpha: alpha, use_rslora: useRslora, use_dora: useDora } = config;
  const sites = sitesOf(peft, base.architecture, folder.dir);
  const embedding = peft.embedding && embeddingOf(peft.embedding, base, folder.dir);
  return { sites, embedding, rank, alpha, useRslora, useDora, dropout: 0 };
}

/**
 * Where a PEFT adapter attaches to this architecture.
 * @param name the adapter's folder, for messages
 * @throws InputError naming the tensor that the base has no place for or whose shape does not fit
 */
function sitesOf({ modules }: PeftAdapter, { linearLayers }: CausalLm, name: string): LoraSite[] {
  return modules.map(({ path, a, b, scale, magnitude }): LoraSite => {
    const layer = placeOf(path, a, { linearLayers, name });
    const rank = a.shape[0] ?? 0;
    for (const [info, expected] of [
      [a, [rank, layer.inFeatures]],
      [b, [layer.outFeatures, rank]],
      [magnitude, [layer.outFeatures]],
    ] as const) {
      if (!info) continue;
      if (info.shape.join() === expected.join()) continue;
      throw new InputError(
        `${name}: tensor ${info.name} is [${info.shape.join(", ")}], but this base model calls for [${expected.join(", ")}]: the adapter was made for another base`,
      );
    }
    return { layer, rank, scale };
  });
}

function embeddingOf(
  { path: module, a, b, scale }: LoraModule,
  { architecture }: BaseModel,
  name: string,
): LoraEmbedding {
  const own = embeddingTensor(architecture);
  const [rank = 0, vocabSize = 0] = a.shape;
  const width = b.shape[0] ?? 0;
  if (`${module}.weight` !== own.name || own.shape.join() !== [vocabSize, width].join()) {
    throw new InputError(
      `${name}: tensor ${a.name} is for ${module} [${vocabSize}, ${width}], but this base model has ${own.name} [${own.shape.join(", ")}]: the adapter was made for another base`,
    );
  }
  return { path: module, vocabSize, width, rank, scale };
}
