/**
 * A method that is not in src: a bias is trained for each target, y = W·x + b, and kept in a format of its own. What
 * planted.test.ts does with it is what an addition of a file and a line must be able to.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import type { AdapterFormat } from "../../src/adapter-files/format.ts";
import type { LinearLayer } from "../../src/graph/causal-lm.ts";
import type { Adapter, TrainingMethod } from "../../src/methods/method.ts";
import { trainedTargets } from "../../src/methods/modules.ts";
import type { MethodFacts } from "../../src/protocol/method.ts";
import { targetLayers, targetsSchema } from "../../src/protocol/methods/targets.ts";
import { fromFloat32 } from "../../src/tensors/dtype.ts";
import {
  readSafetensorsHeader,
  readTensor,
  writeSafetensors,
} from "../../src/tensors/safetensors.ts";
import { pathExists } from "../../src/util/path-exists.ts";

const schema = z.strictObject({
  type: z.literal("bias"),
  targets: targetsSchema.default(["v_proj", "down_proj"]),
});

type BiasMethod = z.output<typeof schema>;

export const biasFacts: MethodFacts<BiasMethod> = {
  name: "bias",
  schema,
  startsAsBase: true,
  choices: [
    {
      label: "Bias",
      description: "of values and feed-forward",
      detail: "The least that can be added to a layer.",
      place: 65,
      recipe: { method: { type: "bias" } },
    },
  ],
  word: () => "bias",
  text: ({ targets }) => `bias of ${[targets].flat().join(" and ")}`,
  title: () => "Bias alone",
  settings: ({ targets }) => [
    { label: "Method", value: "bias" },
    { label: "Targets", value: [targets].flat().join(", ") },
  ],
  learningRate: () => ({ large: 1e-2, tiny: 1e-1 }),
  layers: ({ targets }) => targetLayers(targets),
  contradictions: ({ method: { targets } }) =>
    targets === "head" ? [{ keys: ["method", "targets"], message: "a head has no bias" }] : [],
};

const FILES = { config: "bias_config.json", weights: "bias.safetensors" };
const nameOf = (layer: string): string => `${layer}.added_bias`;

/** Left out of the registry, its folder would be told as none of PEFT's. */
export const BIAS_FORMAT: AdapterFormat = {
  name: "bias",
  owns: (dir) => pathExists(path.join(dir, FILES.config)),
  summarise: async (dir) => {
    const { tensors } = await readSafetensorsHeader(path.join(dir, FILES.weights));
    const sizes = [...tensors.values()].map(({ shape }) => shape[0] ?? 0);
    const parameters = sizes.reduce((sum, size) => sum + size, 0);
    return { method: "Bias", parameters, bytes: 4 * parameters, targets: [...tensors.keys()] };
  },
};

export const bias: TrainingMethod<BiasMethod> = {
  name: "bias",
  tune: ({ targets }, { architecture }, isTrained) => ({
    adapter: biasAdapter(trainedTargets(targets, architecture, isTrained)),
    start:
      () =>
      async ({ shape }) =>
        new Float32Array(shape[0] ?? 0),
  }),
  reader: {
    owns: (dir) => pathExists(path.join(dir, FILES.config)),
    read: async (dir, { architecture }) => {
      const text = await readFile(path.join(dir, FILES.config), "utf8");
      const { layers } = JSON.parse(text) as { layers: string[] };
      const found = architecture.linearLayers.filter((layer) => layers.includes(layer.path));
      const { tensors } = await readSafetensorsHeader(path.join(dir, FILES.weights));
      const stored = [...tensors].map(
        ([name, info]) => [name, { shape: info.shape, values: () => readTensor(info) }] as const,
      );
      return { adapter: biasAdapter(found), stored: new Map(stored), fed: [] };
    },
  },
};

function biasAdapter(layers: readonly LinearLayer[]): Adapter {
  const adapted = new Set(layers.map((layer) => layer.path));
  return {
    tensors: layers.map((layer) => ({ name: nameOf(layer.path), shape: [layer.outFeatures] })),
    hooks: ({ tensor }) => ({
      linear: (b, _, results) =>
        results.map(({ path: layer, base }) =>
          adapted.has(layer) ? b.add(base, tensor(nameOf(layer))) : base,
        ),
    }),
    save: async (dir, { tensors, baseModel }) => {
      await mkdir(dir, { recursive: true });
      const written = tensors.map(({ name, shape, values }) => ({
        name,
        shape,
        dtype: "F32" as const,
        data: fromFloat32(values, "F32"),
      }));
      await writeSafetensors(path.join(dir, FILES.weights), written);
      const config = { baseModel, layers: [...adapted] };
      await writeFile(path.join(dir, FILES.config), JSON.stringify(config));
    },
  };
}
