/** (IA)³: what it attaches to, and its files, which are PEFT's. */
import type { PeftFolder } from "../../adapter-files/peft/folder.ts";
import { ia3Tensors as filedTensors } from "../../adapter-files/peft/others.ts";
import type { CausalLm, LinearLayer } from "../../graph/causal-lm.ts";
import { elementCount } from "../../util/element-count.ts";
import type { BaseModel } from "../../models/base-model.ts";
import type { Ia3Method } from "../../protocol/methods/ia3.ts";
import { InputError } from "../../util/errors.ts";
import type { Adapter, TrainedAdapter, TrainingMethod } from "../method.ts";
import { placeOf, trainedTargets } from "../modules.ts";
import { modulesToSave, savePeft, targetModules } from "../peft.ts";
import { type Ia3Site, ia3Hook, ia3Tensors } from "./ia3.ts";

export const ia3: TrainingMethod<Ia3Method> = {
  name: "ia3",
  tune: (method, { architecture }, isTrained) => ({
    adapter: ia3Adapter(sitesOf(method, architecture, isTrained)),
    // It begins as the base: scales of 1.
    start: () => async (tensor) => new Float32Array(elementCount(tensor.shape)).fill(1),
  }),
  reader: {
    peftTypes: ["IA3"],
    extras: (folder) => filedTensors(folder).extras,
    adapter: (folder, base) => ia3Adapter(filedSites(folder, base)),
  },
};

function ia3Adapter(sites: readonly Ia3Site[]): Adapter {
  return {
    tensors: ia3Tensors(sites),
    hooks: ({ tensor }) => ({ linear: ia3Hook(sites, tensor) }),
    adaptsHead: sites.some(({ layer }) => layer.isHead),
    save: (dir, trained) => savePeft(dir, configOf(sites, trained), trained),
  };
}

function sitesOf(
  { targets, feedForward }: Ia3Method,
  architecture: CausalLm,
  isTrained: (tensor: string) => boolean,
): Ia3Site[] {
  const layers = trainedTargets(targets, architecture, isTrained);
  const isFeedForward = ({ path }: LinearLayer): boolean =>
    feedForward.some((name) => path === name || path.endsWith(`.${name}`));
  const idle = feedForward.find(
    (name) => !layers.some(({ path }) => path === name || path.endsWith(`.${name}`)),
  );
  if (idle !== undefined) {
    throw new InputError(`method.feedForward "${idle}" is none of the target modules`);
  }
  return layers.map((layer) => ({ layer, isFeedForward: isFeedForward(layer) }));
}

function configOf(sites: readonly Ia3Site[], trained: TrainedAdapter) {
  const paths = (of: readonly Ia3Site[]): string[] =>
    targetModules(
      of.map(({ layer }) => layer.path),
      trained.base.architecture,
    );
  return {
    peft_type: "IA3",
    target_modules: paths(sites),
    feedforward_modules: paths(sites.filter(({ isFeedForward }) => isFeedForward)),
    fan_in_fan_out: false,
    modules_to_save: modulesToSave(trained),
  };
}

/** Shapes are checked where the tensors are read. */
function filedSites(folder: PeftFolder, { architecture }: BaseModel): Ia3Site[] {
  const { linearLayers } = architecture;
  return [...filedTensors(folder).scales].map(([path, info]) => ({
    layer: placeOf(path, info, { linearLayers, name: folder.dir }),
    isFeedForward: info.shape[0] === 1,
  }));
}
