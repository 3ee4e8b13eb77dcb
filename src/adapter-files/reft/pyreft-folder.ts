/**
 * A folder that pyreft saved (`ReftModel.save`): config.json and one torch file per intervention. It
 * records neither the base model, nor the positions ("f7+l7"), dropout or activation.
 *
 * What each class keeps, for h' as in intervention.ts:
 *
 *   LoreftIntervention   rotate_layer [d, r] = R; weight [r, d] = W; bias [r] = b
 *   DireftIntervention   rotate_layer.parametrizations.weight.original [d, r] and .0.base [d, d], of
 *                        which R is made (orthogonal.ts); learned_source.weight = W, .bias = b;
 *                        embed_dim and interchange_dim, both the number d
 *   NoreftIntervention   proj_layer.weight [r, d] = Rᵀ and, with add_bias, proj_layer.bias [r] = p;
 *                        learned_source as above. h' = h + R (W h + b − (Rᵀ h + p)), so p goes into b
 *
 * pyreft makes W and b in bfloat16 unless its caller says otherwise, and does so at every load, since
 * no file says otherwise: float32 values are rounded when it loads them. R stays as it is.
 */
import { readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { InputError, InternalError } from "../../util/errors.ts";
import { isFloatDType, toFloat32 } from "../../tensors/dtype.ts";
import { readJsonObject } from "../../util/json.ts";
import { replaceFolder } from "../../util/replace-folder.ts";
import type { ReftHead, ReftWeights } from "./intervention.ts";
import { orthogonalParameters, orthogonalWeight } from "./orthogonal.ts";
import { shownName } from "./pickle.ts";
import {
  type PyreftPlace,
  type PyreftRepresentation,
  parsePyreftConfig,
  pyreftConfigJson,
  pyreftFileName,
} from "./pyreft-config.ts";
import { type TorchTensor, readTorchFile } from "./torch-pickle.ts";
import { torchFileBytes } from "./torch-write.ts";

const CONFIG_FILE = "config.json";
/** What of the model itself was trained along (save's include_model); Trainer's checkpoints have it empty. */
const MODEL_FILE = "pytorch_model.bin";
/** The head's name in transformers' …ForSequenceClassification. */
const HEAD = "score.weight";

export interface PyreftIntervention extends ReftWeights {
  layer: number;
  component: "block_output";
  /**
   * The #n of its name: of two at one layer, 0 is for the first positions of a prompt and 1 for the
   * last. pyreft gives the first positions to the first half of the list, the last to the second.
   */
  positionIndex: number;
  /** Where in the list the intervention is whose weights these are, too; null for weights of its own. */
  linkedTo: number | null;
}

export interface PyreftFolder {
  /** In pyreft's order. */
  interventions: readonly PyreftIntervention[];
  /** Only a model that labels has one. */
  head: ReftHead | undefined;
  /** pyreft 0.1 does not say. */
  baseModel: string | null;
}

/** @throws InputError naming the file and the key or tensor that is wrong or not supported */
export async function readPyreftFolder(dir: string): Promise<PyreftFolder> {
  const names = new Set(await readdir(dir).catch((): string[] => []));
  const file = path.join(dir, CONFIG_FILE);
  if (!names.has(CONFIG_FILE) && [...names].some((name) => /^intkey_.*\.bin$/.test(name))) {
    throw new InputError(
      `${dir} has intkey_*.bin but no ${CONFIG_FILE}: a checkpoint of pyreft's Trainer; load it in pyreft and use ReftModel.save`,
    );
  }
  const { representations, baseModel } = parsePyreftConfig(await readJsonObject(file), file);
  const trained = names.has(MODEL_FILE) ? path.join(dir, MODEL_FILE) : undefined;
  const head = trained === undefined ? undefined : await readHead(trained);
  const heads = new Map<string | number, number>();
  const interventions: PyreftIntervention[] = [];
  for (const [i, representation] of representations.entries()) {
    const { layer, positionIndex, linkKey, fileNames } = representation;
    const name = fileNames.find((candidate) => names.has(candidate));
    if (name === undefined) {
      throw new InputError(`${dir} has no ${fileNames[0]}, which ${CONFIG_FILE} calls for`);
    }
    const linkedTo = linkKey === null ? null : (heads.get(linkKey) ?? null);
    if (linkKey !== null && linkedTo === null) heads.set(linkKey, i);
    const weights = await readWeights(path.join(dir, name), representation);
    const place = { layer, component: "block_output" as const, positionIndex, linkedTo };
    interventions.push({ ...place, ...weights });
  }
  return { interventions, head, baseModel };
}

/** @throws InputError for anything but a classification head */
async function readHead(file: string): Promise<ReftHead | undefined> {
  const found = await readTorchFile(file);
  const name = [...found.keys()].find((one) => one !== HEAD);
  if (name !== undefined) {
    throw new InputError(
      `${file} holds ${shownName(name)}: the model itself was trained too, which Retune does not apply; save that model as a base of its own`,
    );
  }
  if (found.size === 0) return undefined;
  const { shape, values } = new Tensors(found, file).get(HEAD, ["labels", "d"]);
  return { labels: shape[0] ?? 0, values };
}

async function readWeights(
  file: string,
  { type, rank: stated }: PyreftRepresentation,
): Promise<ReftWeights> {
  const tensors = new Tensors(await readTorchFile(file), file);
  const source = type === "loreft" ? "" : "learned_source.";
  const { shape, values: weight } = tensors.get(`${source}weight`, ["r", "d"]);
  const [rank = 0, d = 0] = shape;
  const at = `${file}: tensor ${source}weight is [${rank}, ${d}]`;
  if (rank === 0 || rank > d) throw new InputError(`${at}, expected [rank, width], rank ≤ width`);
  if (stated !== null && rank !== stated) {
    throw new InputError(`${at}, but ${CONFIG_FILE} gives rank ${stated}`);
  }
  const { values: bias } = tensors.get(`${source}bias`, [rank]);
  const made = { type, rank, weight, ...rotationOf(tensors, { type, bias, d, rank }) };
  tensors.refuseOthers();
  return made;
}

function rotationOf(
  tensors: Tensors,
  { type, bias, d, rank }: Pick<ReftWeights, "type" | "bias" | "rank"> & { d: number },
): Pick<ReftWeights, "rotate" | "bias"> {
  switch (type) {
    case "loreft":
      return { bias, rotate: tensors.get("rotate_layer", [d, rank]).values };
    case "direft":
      return { bias, rotate: readOrthogonal(tensors, d, rank) };
    case "noreft": {
      const projection = tensors.get("proj_layer.weight", [rank, d]).values;
      const shift = tensors.find("proj_layer.bias", [rank]);
      return {
        bias: shift ? bias.map((value, i) => value - (shift.values[i] ?? 0)) : bias,
        rotate: transposed(projection, rank, d),
      };
    }
  }
}

function readOrthogonal(tensors: Tensors, d: number, rank: number): Float32Array {
  const stem = "rotate_layer.parametrizations.weight";
  const original = tensors.get(`${stem}.original`, [d, rank]).values;
  const base = tensors.get(`${stem}.0.base`, [d, d]).values;
  if (rank < d) return orthogonalWeight({ original, base }, d, rank);
  // For a square PyTorch takes exp(X − Xᵀ) of the lower triangle, which is 1 only where X is 0.
  const trained = original.some((value, i) => i % d < Math.floor(i / d) && value !== 0);
  if (!trained) return base;
  throw new InputError(
    `${tensors.file}: a trained DiReFT of rank ${rank}, the whole width, is not read; use a lower rank`,
  );
}

/** pyvene's own note of the width that it was made for, which the weights' shapes say too. */
const SIZES: ReadonlySet<string> = new Set(["embed_dim", "interchange_dim"]);

/** The tensors of one file, taken out with their shapes checked. */
class Tensors {
  private readonly tensors: ReadonlyMap<string, TorchTensor>;
  private readonly used = new Set<string>();
  readonly file: string;

  constructor(tensors: ReadonlyMap<string, TorchTensor>, file: string) {
    this.tensors = tensors;
    this.file = file;
  }

  get(name: string, shape: readonly (number | string)[]): FloatTensor {
    const tensor = this.find(name, shape);
    if (tensor) return tensor;
    const found = shownName([...this.tensors.keys()].join(", "));
    throw new InputError(`${this.file} has no tensor ${name}; it holds ${found || "none"}`);
  }

  /** A letter in `shape` stands for any size. */
  find(name: string, shape: readonly (number | string)[]): FloatTensor | undefined {
    const tensor = this.tensors.get(name);
    this.used.add(name);
    if (!tensor) return undefined;
    const { dtype, bytes, shape: found } = tensor;
    if (!isFloatDType(dtype)) {
      throw new InputError(
        `${this.file}: tensor ${name} is ${dtype}, expected F32, F16, BF16 or F64`,
      );
    }
    const fits = shape.every((size, axis) => typeof size === "string" || found[axis] === size);
    if (found.length !== shape.length || !fits) {
      throw new InputError(
        `${this.file}: tensor ${name} is [${found.join(", ")}], expected [${shape.join(", ")}]`,
      );
    }
    return { shape: found, values: toFloat32(bytes, dtype) };
  }

  /** @throws InputError naming a tensor that nothing has asked for */
  refuseOthers(): void {
    const other = [...this.tensors.keys()].find((name) => !this.used.has(name) && !SIZES.has(name));
    if (other === undefined) return;
    throw new InputError(
      `${this.file}: tensor ${shownName(other)} is no part of an intervention that Retune computes`,
    );
  }
}

interface FloatTensor {
  shape: readonly number[];
  values: Float32Array;
}

/** [rows, columns] → [columns, rows] */
function transposed(matrix: Float32Array, rows: number, columns: number): Float32Array {
  return matrix.map((_, i) => matrix[(i % rows) * columns + Math.floor(i / rows)] ?? 0);
}

/**
 * Writes what `pyreft.ReftModel.load(dir, model)` takes, with all interventions at index 0 before
 * those at index 1, so that pyreft's own split of the positions fits them. A head is in the file that
 * it reads when told include_model=True.
 * @throws InputError for NoReFT, which pyreft saves but can't load
 */
export async function writePyreftFolder(
  dir: string,
  interventions: readonly PyreftIntervention[],
  head?: ReftHead,
): Promise<void> {
  const written = interventions
    .map((intervention, i) => ({ intervention, place: placeOf(interventions, i) }))
    .toSorted(
      ({ place: a }, { place: b }) => a.positionIndex - b.positionIndex || a.layer - b.layer,
    );
  await replaceFolder(dir, async (temporary) => {
    for (const { intervention, place } of written) {
      const bytes = torchFileBytes(stateDict(intervention, place.width));
      await writeFile(path.join(temporary, pyreftFileName(place)), bytes, { flush: true });
    }
    if (head) {
      const shape = [head.labels, head.values.length / head.labels] as const;
      const bytes = torchFileBytes(new Map([[HEAD, floatTensor(head.values, ...shape)]]));
      await writeFile(path.join(temporary, MODEL_FILE), bytes, { flush: true });
    }
    const json = pyreftConfigJson(written.map(({ place }) => place));
    await writeFile(path.join(temporary, CONFIG_FILE), json, { flush: true });
  });
}

function placeOf(interventions: readonly PyreftIntervention[], index: number): PyreftPlace {
  const found = interventions[index];
  if (!found) throw new InternalError(`no intervention ${index}`);
  const { type, layer, rank, rotate, positionIndex, linkedTo } = found;
  if (type === "noreft") {
    throw new InputError(
      `the intervention at layer ${layer} is NoReFT, which pyreft can save but not load (it wants add_bias, which its files do not hold); keep Retune's own adapter`,
    );
  }
  const before = interventions.filter(
    (each) => each.layer === layer && each.positionIndex < positionIndex,
  );
  if (before.length !== positionIndex) {
    throw new InternalError(`layer ${layer} has an intervention ${positionIndex} but none before`);
  }
  const isHead = interventions.some((each) => each.linkedTo === index);
  const linkKey = linkedTo ?? (isHead ? index : null);
  return { type, layer, rank, width: rotate.length / rank, positionIndex, linkKey };
}

function floatTensor(values: Float32Array, ...shape: number[]): TorchTensor {
  const { buffer, byteOffset, byteLength } = values;
  return { dtype: "F32", shape, bytes: new Uint8Array(buffer, byteOffset, byteLength) };
}

function stateDict(
  { type, rank, rotate, weight, bias }: PyreftIntervention,
  d: number,
): ReadonlyMap<string, TorchTensor> {
  if (type === "loreft") {
    return new Map([
      ["weight", floatTensor(weight, rank, d)],
      ["bias", floatTensor(bias, rank)],
      ["rotate_layer", floatTensor(rotate, d, rank)],
    ]);
  }
  const width: TorchTensor = {
    dtype: "I64",
    shape: [],
    bytes: new Uint8Array(BigInt64Array.of(BigInt(d)).buffer),
  };
  const { original, base } = orthogonalParameters(rotate, d, rank);
  return new Map([
    ["embed_dim", width],
    ["interchange_dim", width],
    ["rotate_layer.parametrizations.weight.original", floatTensor(original, d, rank)],
    ["rotate_layer.parametrizations.weight.0.base", floatTensor(base, d, d)],
    ["learned_source.weight", floatTensor(weight, rank, d)],
    ["learned_source.bias", floatTensor(bias, rank)],
  ]);
}
