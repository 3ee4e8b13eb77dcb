import { loraAdapterOf } from "../adapter.ts";
import { type PeftKind, modulesFact } from "../kind.ts";

export const LORA: PeftKind = {
  name: "LORA",
  title: (config) => (config["use_dora"] ? "DoRA" : config["use_rslora"] ? "rsLoRA" : "LoRA"),
  facts: (config) => {
    const { r, lora_alpha: alpha, lora_dropout: dropout } = config;
    return [`Rank ${r}, alpha ${alpha}, dropout ${dropout}`, modulesFact(config)];
  },
  contents: (folder) => {
    const { config, embedding, modules: linear, extras } = loraAdapterOf(folder);
    const modules = embedding ? [embedding, ...linear] : linear;
    return {
      rank: config.r,
      alpha: config.lora_alpha,
      tensors: modules.flatMap(({ a, b, magnitude }) => [a, b, magnitude ?? []].flat()),
      paths: modules.map((each) => each.path),
      extras,
    };
  },
};
