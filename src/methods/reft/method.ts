/** LoReFT and its kin on a base: which blocks, from where they start, in whose files. */
import { isReftAdapter } from "../../adapter-files/reft/reft-adapter.ts";
import { parsePositions } from "../../adapter-files/reft/positions.ts";
import type { CausalLm, NamedShape } from "../../graph/causal-lm.ts";
import type { ReftMethod } from "../../protocol/methods/reft.ts";
import { elementCount } from "../../util/element-count.ts";
import { InputError } from "../../util/errors.ts";
import type { Adapter, OwnReader, TrainingMethod } from "../method.ts";
import { embeddingWidth } from "../modules.ts";
import { orthonormaliseColumns } from "../orthonormal.ts";
import { normalSource, uniformSource } from "../random.ts";
import { loadReft, saveReft } from "./files.ts";
import { promptFeeds, promptInputs, withMostPositions, withPositions } from "./positions.ts";
import {
  type ReftEnd,
  type ReftKind,
  type ReftSettings,
  orthonormalTensors,
  reftEdit,
  reftTensors,
} from "./reft.ts";

const reader: OwnReader = {
  owns: isReftAdapter,
  read: async (dir, base) => {
    const { settings, ...stored } = await loadReft(dir, base);
    return { adapter: reftAdapter(settings), ...stored };
  },
};

const reft = (name: ReftKind): TrainingMethod<ReftMethod> => ({
  name,
  tune: (method, { architecture }, isTrained) => {
    const settings = settingsOf(method, architecture, isTrained);
    const { kind, width } = settings;
    return {
      adapter: reftAdapter(settings),
      start:
        (_, { seed }) =>
        async (tensor) =>
          startOf(tensor, { seed, kind, width }),
    };
  },
  forRows: withPositions,
  withoutRows: withMostPositions,
  reader,
});

export const loreft = reft("loreft");
export const direft = reft("direft");
export const noreft = reft("noreft");

function reftAdapter(settings: ReftSettings): Adapter {
  const { interventions, dropout: rate, width } = settings;
  const constrained = new Set(orthonormalTensors(settings));
  return {
    tensors: reftTensors(settings),
    hooks: ({ b, tensor, dropoutMask }) => ({
      edit: reftEdit(settings, { b, tensor, tokens: promptInputs(b), dropoutMask }),
    }),
    dropout: rate === 0 ? undefined : { rate, sites: interventions.length, width },
    symbols: ["I", "J"],
    feeds: (rows) => promptFeeds(settings, rows),
    constrain: ({ name, shape }, values) => {
      if (constrained.has(name)) orthonormaliseColumns(values, shape[1] ?? 0);
    },
    save: (dir, trained) => saveReft(dir, settings, trained),
  };
}

function settingsOf(
  { type: kind, rank, layers: wished, positions, tied, dropout }: ReftMethod,
  architecture: CausalLm,
  isTrained: (tensor: string) => boolean,
): ReftSettings {
  const { layers: count, tensors, blockOf } = architecture;
  const width = embeddingWidth(architecture);
  if (rank > width)
    throw new InputError(
      `method.rank ${rank} is above ${width}, the model's width; choose ${width} or less`,
    );
  const asked = wished === "all" ? Array.from({ length: count }, (_, layer) => layer) : wished;
  const outside = asked.find((layer) => layer >= count);
  if (outside !== undefined) {
    throw new InputError(`method.layers ${outside} is none of the blocks 0 to ${count - 1}`);
  }
  const layers = [...new Set(asked)].filter((layer) =>
    tensors.some(({ name }) => blockOf(name)?.index === layer && isTrained(name)),
  );
  if (layers.length === 0) {
    throw new InputError("freeze, trainFirst and trainLast leave none of method.layers to train");
  }
  const ends = parsePositions(positions);
  const named = (["first", "last"] as const).filter((end) => ends[end] > 0);
  const chosen: readonly ReftEnd[] = tied ? ["all"] : named;
  const interventions = layers
    .toSorted((a, b) => a - b)
    .flatMap((layer) => chosen.map((end, unit) => ({ layer, unit, end, rank })));
  return { kind, interventions, positions: ends, width, dropout };
}

/** As torch starts them: orthonormal columns, and linear layers uniform in ±1/√C. */
function startOf(
  { name, shape }: NamedShape,
  { seed, kind, width }: { seed: number; kind: ReftKind; width: number },
): Float32Array {
  const uniform = uniformSource(`${seed}:${name}`);
  const length = elementCount(shape);
  const isRotation = name.endsWith(".rotate");
  if (isRotation && kind !== "noreft") {
    const rotate = Float32Array.from({ length }, normalSource(uniform));
    orthonormaliseColumns(rotate, shape[1] ?? 0);
    return rotate;
  }
  const bound = 1 / Math.sqrt(width);
  return Float32Array.from({ length }, () => (2 * uniform() - 1) * bound);
}
