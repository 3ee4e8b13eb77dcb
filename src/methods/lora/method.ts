import { loraAdapterOf } from "../../adapter-files/peft/adapter.ts";
import type { LoraMethod } from "../../protocol/methods/lora.ts";
import { largest } from "../../util/largest.ts";
import type { Adapter, TrainingMethod } from "../method.ts";
import { wholeModules } from "../modules.ts";
import { filedSettings, saveLora } from "./files.ts";
import { type LoraSettings, loraEmbedded, loraHook, loraTensors } from "./lora.ts";
import { loraSettings } from "./settings.ts";
import { loraStarter } from "./start.ts";

export const lora: TrainingMethod<LoraMethod> = {
  name: "lora",
  tune: (method, { architecture }, isTrained) => {
    const settings = loraSettings(method, architecture, isTrained);
    const trained = wholeModules(method.modulesToSave ?? [], architecture);
    return { trained, adapter: loraAdapter(settings), start: loraStarter(settings) };
  },
  reader: {
    peftTypes: ["LORA"],
    extras: (folder) => loraAdapterOf(folder).extras,
    adapter: (folder, base) => loraAdapter(filedSettings(folder, base)),
  },
};

export function loraAdapter(settings: LoraSettings): Adapter {
  const { sites, embedding, dropout, fromPrincipal = false } = settings;
  const widths = sites.map(({ layer }) => layer.inFeatures);
  return {
    tensors: loraTensors(settings),
    hooks: ({ b, tensor, start, dropoutMask }) => ({
      linear: loraHook(settings, { tensor, start, dropoutMask }),
      ...(embedding ? { embedded: loraEmbedded(embedding, { ...settings, b, tensor }) } : {}),
    }),
    dropout:
      dropout === 0 ? undefined : { rate: dropout, sites: sites.length, width: largest(widths, 0) },
    adaptsHead: sites.some(({ layer }) => layer.isHead),
    feedsStart: fromPrincipal,
    save: (dir, trained) => saveLora(dir, settings, trained),
  };
}
