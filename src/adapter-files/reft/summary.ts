import { largest } from "../../util/largest.ts";
import type { AdapterFormat } from "../format.ts";
import { isReftAdapter, readReftAdapter } from "./reft-adapter.ts";

const WORDS = { loreft: "LoReFT", direft: "DiReFT", noreft: "NoReFT" } as const;

export const REFT: AdapterFormat = {
  name: "pyreft",
  owns: isReftAdapter,
  summarise: async (dir) => {
    const { config, interventions, head, bytes } = await readReftAdapter(dir);
    const [first] = interventions;
    const layers = [...new Set(interventions.map(({ layer }) => layer))];
    return {
      method: WORDS[first?.type ?? "loreft"],
      rank: largest(interventions.map(({ rank }) => rank)),
      positions: config.positions + (config.tied ? ", tied" : ""),
      parameters: interventions.reduce(
        (sum, { rotate, weight, bias }) => sum + rotate.length + weight.length + bias.length,
        head?.values.length ?? 0,
      ),
      bytes,
      ...(head ? { labels: head.labels } : {}),
      ...(config.baseModel === "" ? {} : { base: config.baseModel }),
      targets: layers.map((layer) => `block ${layer}`),
    };
  },
};
