import { type PeftKind, modulesFact } from "../kind.ts";
import { ia3Tensors } from "../others.ts";

export const IA3: PeftKind = {
  name: "IA3",
  title: () => "(IA)³",
  facts: (config) => [modulesFact(config)],
  contents: (folder) => {
    const { scales, extras } = ia3Tensors(folder);
    return { tensors: [...scales.values()], paths: [...scales.keys()], extras };
  },
};
