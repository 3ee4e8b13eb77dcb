/**
 * State dicts as torch.save writes them since PyTorch 1.6: a zip file, nothing compressed, with the
 * structure as a pickle in `<name>/data.pkl` and each storage's bytes in `<name>/data/<key>`. The
 * pickle is read by an interpreter that runs nothing (pickle.ts).
 *
 * https://docs.pytorch.org/docs/stable/notes/serialization.html
 */
import { readFile, stat } from "node:fs/promises";
import { type UnzipFileInfo, unzipSync } from "fflate";
import { InputError, errorMessage, hasCode } from "../../util/errors.ts";
import { DTYPE_BYTES, type DType } from "../../tensors/dtype.ts";
import { type PickleGlobal, isPickleGlobal, readPickle, shownName } from "./pickle.ts";
import { elementCount } from "../../util/element-count.ts";

/** The file is held in memory, twice. DiReFT at width 16384 (Llama 405B) keeps a square of 1 GiB. */
const MAX_FILE_BYTES = 1.25 * 2 ** 30;
/** A state dict of 100,000 tensors has a pickle of about 20 MB. */
const MAX_PICKLE_BYTES = 64 * 2 ** 20;
const MAX_ENTRIES = 100_000;
/** As in PyTorch's own dispatcher. */
const MAX_DIMENSIONS = 64;
const ZIP_START = "PK\u0003\u0004";

const STORAGE_DTYPES: Readonly<Record<string, DType>> = {
  "torch.FloatStorage": "F32",
  "torch.HalfStorage": "F16",
  "torch.BFloat16Storage": "BF16",
  "torch.DoubleStorage": "F64",
  "torch.LongStorage": "I64",
  "torch.IntStorage": "I32",
};
const ORDERED_DICT = "collections.OrderedDict";
const REBUILD_TENSOR = "torch._utils._rebuild_tensor_v2";
const REBUILD_PARAMETER = "torch._utils._rebuild_parameter";
const ALLOWED = new Set([
  ORDERED_DICT,
  REBUILD_TENSOR,
  REBUILD_PARAMETER,
  ...Object.keys(STORAGE_DTYPES),
]);

/** A tensor's bytes lie row by row, whatever its strides were; toFloat32 in dtype.ts reads them. */
export interface TorchTensor {
  dtype: DType;
  shape: readonly number[];
  bytes: Uint8Array;
}

class Storage {
  readonly dtype: DType;
  readonly bytes: Uint8Array;
  constructor(dtype: DType, bytes: Uint8Array) {
    this.dtype = dtype;
    this.bytes = bytes;
  }
}

class Tensor implements TorchTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
  constructor({ dtype, shape, bytes }: TorchTensor) {
    this.dtype = dtype;
    this.shape = shape;
    this.bytes = bytes;
  }
}

/** @throws InputError naming the file and what in it is wrong, too large or not allowed */
export async function readTorchFile(file: string): Promise<ReadonlyMap<string, TorchTensor>> {
  const bytes = await readLimited(file);
  const archive = unzip(bytes, file);
  const order = archive.entry("byteorder");
  if (order && Buffer.from(order).toString("latin1") !== "little") {
    throw new InputError(
      `${file}: its byteorder is not "little"; save it again on another machine`,
    );
  }
  const pickle = archive.entry("data.pkl");
  if (!pickle || pickle.length > MAX_PICKLE_BYTES) {
    throw new InputError(
      `${file}: data.pkl has ${pickle?.length ?? 0} bytes, expected up to ${MAX_PICKLE_BYTES}`,
    );
  }
  const budget = { bytes: MAX_FILE_BYTES };
  const root = readPickle(pickle, {
    file,
    allowed: ALLOWED,
    call: (global, args) => call(global, args, { file, budget }),
    loadPersistent: (id) => loadStorage(id, archive, file),
  });
  return stateDict(root, file);
}

async function readLimited(file: string): Promise<Buffer> {
  try {
    const { size } = await stat(file);
    if (size > MAX_FILE_BYTES) {
      throw new InputError(`${file} has ${size} bytes; Retune reads up to ${MAX_FILE_BYTES}`);
    }
    return await readFile(file);
  } catch (error) {
    if (error instanceof InputError) throw error;
    if (hasCode(error, "ENOENT")) throw new InputError(`${file} does not exist`);
    throw new InputError(`${file} cannot be read: ${errorMessage(error)}`, { cause: error });
  }
}

interface Archive {
  entry: (name: string) => Uint8Array | undefined;
}

function unzip(bytes: Buffer, file: string): Archive {
  if (bytes.toString("latin1", 0, 4) !== ZIP_START) {
    throw new InputError(
      bytes[0] === 0x80
        ? `${file} is a pickle outside of a zip file, as PyTorch wrote before 1.6; load it in PyTorch and torch.save it again`
        : `${file} is not a file of torch.save's: it does not begin as a zip file does`,
    );
  }
  let count = 0;
  let total = 0;
  const filter = ({ name, size, originalSize, compression }: UnzipFileInfo) => {
    count += 1;
    total += size;
    if (compression !== 0 || originalSize !== size) {
      throw new InputError(
        `${file}: ${shownName(name)} is compressed, which torch.save never does`,
      );
    }
    // What is stored cannot be larger than the file, unless entries share their bytes.
    if (count > MAX_ENTRIES || total > bytes.length) {
      throw new InputError(`${file}: its zip directory lists more than the file can hold`);
    }
    return true;
  };
  let entries: Readonly<Record<string, Uint8Array>>;
  try {
    entries = unzipSync(bytes, { filter });
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`${file} is not a whole zip file: ${errorMessage(error)}`, {
      cause: error,
    });
  }
  const root = Object.keys(entries).find((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (root === undefined) {
    throw new InputError(`${file} is a zip file without data.pkl: not one of torch.save's`);
  }
  const folder = root.slice(0, -"data.pkl".length);
  return {
    entry: (name) => (Object.hasOwn(entries, folder + name) ? entries[folder + name] : undefined),
  };
}

/** A persistent id is ("storage", type, key, location, element count). */
function loadStorage(id: unknown, archive: Archive, file: string): Storage {
  const [kind, type, key, , count] = Array.isArray(id) ? (id as unknown[]) : [];
  const dtype = isPickleGlobal(type) ? STORAGE_DTYPES[type.global] : undefined;
  if (kind !== "storage" || !dtype || typeof key !== "string" || !isCount(count)) {
    throw new InputError(`${file}: its pickle refers to something that is no storage of numbers`);
  }
  const bytes = archive.entry(`data/${key}`);
  if (bytes?.length !== count * DTYPE_BYTES[dtype]) {
    throw new InputError(
      `${file}: data/${shownName(key)} has ${bytes?.length ?? "no"} bytes, expected ${count} of ${dtype}; the file is truncated or was changed`,
    );
  }
  return new Storage(dtype, bytes);
}

function call(
  global: string,
  args: readonly unknown[],
  { file, budget }: { file: string; budget: { bytes: number } },
): unknown {
  if (global === ORDERED_DICT && args.length === 0) return new Map();
  if (global === REBUILD_TENSOR) return rebuildTensor(args, file, budget);
  // (data, requires_grad, backward_hooks)
  if (global === REBUILD_PARAMETER && args[0] instanceof Tensor) return args[0];
  throw new InputError(`${file}: its pickle calls ${global} in a way that torch.save does not`);
}

/** (storage, offset, shape, strides, requires_grad, backward_hooks) */
function rebuildTensor(
  [storage, offset, shape, strides]: readonly unknown[],
  file: string,
  budget: { bytes: number },
): Tensor {
  if (
    !(storage instanceof Storage && isCount(offset) && isCounts(shape) && isCounts(strides)) ||
    shape.length !== strides.length
  ) {
    throw new InputError(`${file}: a tensor's storage, shape or strides are not what they must be`);
  }
  const { dtype } = storage;
  const size = DTYPE_BYTES[dtype];
  const available = storage.bytes.length / size;
  const count = elementCount(shape);
  const last = shape.reduce((at, dim, axis) => at + (dim - 1) * (strides[axis] ?? 0), offset);
  if (count > available || (count > 0 && last >= available)) {
    throw new InputError(
      `${file}: a tensor [${shape.join(", ")}] with strides [${strides.join(", ")}] from ${offset} is more than its storage of ${available} numbers; save it again as .contiguous().clone()`,
    );
  }
  if (isContiguous(shape, strides)) {
    const bytes = storage.bytes.subarray(offset * size, (offset + count) * size);
    return new Tensor({ dtype, shape, bytes });
  }
  budget.bytes -= count * size;
  if (budget.bytes < 0) {
    throw new InputError(`${file}: its tensors take more than ${MAX_FILE_BYTES} bytes`);
  }
  const bytes = gather(storage, { offset, shape, strides, count });
  return new Tensor({ dtype, shape, bytes });
}

function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const dim = shape[axis] ?? 0;
    if (dim === 0) return true;
    if (dim !== 1 && strides[axis] !== expected) return false;
    expected *= dim;
  }
  return true;
}

function gather(
  { dtype, bytes }: Storage,
  at: { offset: number; shape: readonly number[]; strides: readonly number[]; count: number },
): Uint8Array {
  const size = DTYPE_BYTES[dtype];
  const gathered = new Uint8Array(at.count * size);
  const index = at.shape.map(() => 0);
  for (let i = 0, from = at.offset; i < at.count; i++) {
    for (let b = 0; b < size; b++) gathered[i * size + b] = bytes[from * size + b] ?? 0;
    for (let axis = index.length - 1; axis >= 0; axis--) {
      const [dim = 0, stride = 0, done = 0] = [at.shape[axis], at.strides[axis], index[axis]];
      from += stride;
      if (done + 1 < dim) {
        index[axis] = done + 1;
        break;
      }
      from -= stride * dim;
      index[axis] = 0;
    }
  }
  return gathered;
}

function stateDict(root: unknown, file: string): ReadonlyMap<string, TorchTensor> {
  if (!(root instanceof Map)) {
    throw new InputError(`${file} holds ${described(root)}, expected a state dict of tensors`);
  }
  const tensors = new Map<string, TorchTensor>();
  for (const [key, value] of root as ReadonlyMap<unknown, unknown>) {
    if (typeof key !== "string") {
      throw new InputError(`${file}: a key is ${described(key)}, expected a name`);
    }
    if (!(value instanceof Tensor)) {
      throw new InputError(`${file}: ${shownName(key)} is ${described(value)}, expected a tensor`);
    }
    tensors.set(key, value);
  }
  return tensors;
}

function described(value: unknown): string {
  if (value instanceof Map) return "a dict";
  if (Array.isArray(value)) return "a list";
  if (value instanceof Tensor) return "a tensor";
  if (value instanceof Storage) return "a storage";
  if (isPickleGlobal(value)) return (value satisfies PickleGlobal).global;
  return JSON.stringify(value).slice(0, 40);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.length <= MAX_DIMENSIONS && value.every(isCount);
}
