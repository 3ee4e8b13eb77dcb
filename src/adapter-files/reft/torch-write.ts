/**
 * A state dict as torch.save writes it: an uncompressed zip file with a pickle of protocol 2, so plain
 * that `torch.load(file, weights_only=True)` takes it. The counterpart of torch-pickle.ts.
 */
import { zipSync } from "fflate";
import { InternalError } from "../../util/errors.ts";
import { DTYPE_BYTES } from "../../tensors/dtype.ts";
import type { TorchTensor } from "./torch-pickle.ts";
import { elementCount } from "../../util/element-count.ts";

/** What PyTorch's own files are dated, so that the same tensors give the same bytes. */
const ZIP_DATE = "1980-01-01T00:00:00";
/** torch.save names this folder after the file; its readers take any. */
const ROOT = "archive";

const STORAGES = {
  F32: "FloatStorage",
  F16: "HalfStorage",
  BF16: "BFloat16Storage",
  F64: "DoubleStorage",
  I64: "LongStorage",
  I32: "IntStorage",
} as const;

/** @throws InternalError for a type without a storage class here, or bytes that do not fit the shape */
export function torchFileBytes(tensors: ReadonlyMap<string, TorchTensor>): Uint8Array {
  const text = (value: string) => new TextEncoder().encode(value);
  const storages = [...tensors.values()].map(({ bytes }, i) => [`${ROOT}/data/${i}`, bytes]);
  const files = Object.fromEntries([
    [`${ROOT}/data.pkl`, pickleStateDict(tensors)],
    [`${ROOT}/byteorder`, text("little")],
    ...storages,
    [`${ROOT}/version`, text("3\n")],
  ]) as Record<string, Uint8Array>;
  return zipSync(files, { level: 0, mtime: ZIP_DATE });
}

const ORDERED_DICT = "ccollections\nOrderedDict\n)R";

function pickleStateDict(tensors: ReadonlyMap<string, TorchTensor>): Uint8Array {
  const parts: Buffer[] = [ascii("\u0080\u0002"), ascii(ORDERED_DICT), ascii("(")];
  for (const [i, [name, tensor]] of [...tensors].entries()) {
    parts.push(unicode(name), ...pickleTensor(tensor, i));
  }
  parts.push(ascii("u."));
  return Buffer.concat(parts);
}

/** _rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, backward_hooks) */
function pickleTensor({ dtype, shape, bytes }: TorchTensor, storageKey: number): Buffer[] {
  const storage = Object.hasOwn(STORAGES, dtype)
    ? STORAGES[dtype as keyof typeof STORAGES]
    : undefined;
  const count = elementCount(shape);
  if (!storage || bytes.length !== count * DTYPE_BYTES[dtype]) {
    throw new InternalError(`${bytes.length} bytes of ${dtype} [${shape.join(", ")}] for a .bin`);
  }
  const strides = shape.map((_, axis) => elementCount(shape.slice(axis + 1)));
  return [
    ascii("ctorch._utils\n_rebuild_tensor_v2\n(("),
    unicode("storage"),
    ascii(`ctorch\n${storage}\n`),
    unicode(String(storageKey)),
    unicode("cpu"),
    integer(count),
    ascii("tQ"), // the persistent id of the storage
    integer(0),
    ...tuple(shape),
    ...tuple(strides),
    ascii(`\u0089${ORDERED_DICT}tR`),
  ];
}

function tuple(values: readonly number[]): Buffer[] {
  return [ascii("("), ...values.map(integer), ascii("t")];
}

function ascii(value: string): Buffer {
  return Buffer.from(value, "latin1");
}

/** BINUNICODE */
function unicode(value: string): Buffer {
  const head = Buffer.from("X\0\0\0\0", "latin1");
  head.writeUInt32LE(Buffer.byteLength(value), 1);
  return Buffer.concat([head, Buffer.from(value)]);
}

/** BININT, or LONG1 of 8 bytes */
function integer(value: number): Buffer {
  if (value < 2 ** 31) {
    const bytes = Buffer.from("J\0\0\0\0", "latin1");
    bytes.writeInt32LE(value, 1);
    return bytes;
  }
  const bytes = Buffer.from("\u008a\u0008\0\0\0\0\0\0\0\0", "latin1");
  bytes.writeBigInt64LE(BigInt(value), 2);
  return bytes;
}
