/**
 * A reader of Python pickles that runs nothing. A pickle is a program for a small stack machine; of
 * its opcodes this knows those that torch.save writes for a state dict (protocols 2 to 4), and of all
 * that a pickle may import only what the caller allows. Reading ends at the first thing else.
 *
 * Opcodes: https://github.com/python/cpython/blob/main/Lib/pickletools.py
 */
import { InputError, InternalError } from "../../util/errors.ts";

/** Something of a Python module, by its full name: never run, only recognised. */
export interface PickleGlobal {
  global: string;
}

/**
 * What a pickle holds: null, booleans, numbers and texts as they are; tuples and lists as arrays,
 * dicts as maps; PickleGlobal; and what `call` and `loadPersistent` give.
 */
export interface PickleRules {
  /** What is read, for messages. */
  file: string;
  /** Full names, "collections.OrderedDict". */
  allowed: ReadonlySet<string>;
  /** What an allowed global gives when it is called. */
  call: (global: string, args: readonly unknown[]) => unknown;
  /** What stands for an object that is kept outside the pickle. */
  loadPersistent: (id: unknown) => unknown;
}

const MARK = Symbol("mark");

interface Machine {
  rules: PickleRules;
  bytes: Buffer;
  position: number;
  stack: unknown[];
  memo: Map<number, unknown>;
}

/** @throws InputError naming the file, and the global or opcode that is not allowed */
export function readPickle(bytes: Uint8Array, rules: PickleRules): unknown {
  const { buffer, byteOffset, byteLength } = bytes;
  const machine: Machine = {
    rules,
    bytes: Buffer.from(buffer, byteOffset, byteLength),
    position: 0,
    stack: [],
    memo: new Map(),
  };
  for (;;) {
    const start = machine.position;
    const code = readUint(machine, 1);
    if (code === STOP) break;
    const run = OPCODES[code];
    if (!run) {
      throw new InputError(
        `${rules.file}: its pickle has opcode 0x${code.toString(16).padStart(2, "0")} at byte ${start}, which no state dict of tensors needs; nothing was run`,
      );
    }
    run(machine);
  }
  return pop(machine);
}

/** A name out of a file, fit for a message of one line. */
export function shownName(name: string): string {
  return JSON.stringify(name.slice(0, 100)).slice(1, -1);
}

export function isPickleGlobal(value: unknown): value is PickleGlobal {
  return typeof value === "object" && value !== null && "global" in value;
}

function broken({ rules, position }: Machine, what: string): InputError {
  return new InputError(`${rules.file}: its pickle is broken at byte ${position}: ${what}`);
}

function take(machine: Machine, count: number): Buffer {
  const { bytes, position } = machine;
  if (count > bytes.length - position) {
    throw broken(machine, `${count} bytes wanted, ${bytes.length - position} left`);
  }
  machine.position += count;
  return bytes.subarray(position, position + count);
}

function readUint(machine: Machine, size: 1 | 2 | 4): number {
  return take(machine, size).readUIntLE(0, size);
}

function readLine(machine: Machine): string {
  const { bytes, position } = machine;
  const end = bytes.indexOf("\n", position);
  if (end < 0) throw broken(machine, "a line has no end");
  const line = take(machine, end - position).toString("utf8");
  machine.position += 1;
  return line;
}

/** Whole numbers of up to 8 bytes, lowest first, in two's complement. */
function readLong(machine: Machine): number {
  const size = readUint(machine, 1);
  let value = 0n;
  for (const [i, byte] of take(machine, size).entries()) value |= BigInt(byte) << BigInt(8 * i);
  const signed = BigInt.asIntN(8 * size, value);
  const number = Number(signed);
  if (!Number.isSafeInteger(number)) throw broken(machine, `${signed} is too large a number`);
  return number;
}

function pop(machine: Machine): unknown {
  const value = machine.stack.pop();
  if (value === undefined || value === MARK) throw broken(machine, "the stack is empty");
  return value;
}

function top(machine: Machine): unknown {
  const value = pop(machine);
  machine.stack.push(value);
  return value;
}

function popToMark(machine: Machine): unknown[] {
  const mark = machine.stack.lastIndexOf(MARK);
  if (mark < 0) throw broken(machine, "no mark on the stack");
  const items = machine.stack.splice(mark);
  return items.slice(1);
}

function popCount(machine: Machine, count: number): unknown[] {
  return Array.from({ length: count }, () => pop(machine)).toReversed();
}

function pushGlobal(machine: Machine, module: unknown, name: unknown): void {
  const { file, allowed } = machine.rules;
  const global = `${String(module)}.${String(name)}`;
  if (!allowed.has(global)) {
    throw new InputError(
      `${file}: its pickle asks for "${shownName(global)}", which could run code and is no part of a state dict of tensors; nothing was run. If you trust the file, load it in PyTorch and save its tensors alone`,
    );
  }
  machine.stack.push({ global } satisfies PickleGlobal);
}

function setItems(machine: Machine, items: readonly unknown[]): void {
  const dict = top(machine);
  if (!(dict instanceof Map)) throw broken(machine, "an item is set in what is no dict");
  for (let i = 0; i + 1 < items.length; i += 2) dict.set(items[i], items[i + 1]);
}

function append(machine: Machine, items: readonly unknown[]): void {
  const list = top(machine);
  if (!Array.isArray(list)) throw broken(machine, "an item is appended to what is no list");
  for (const item of items) list.push(item);
}

function reduce(machine: Machine): void {
  const args = pop(machine);
  const callable = pop(machine);
  if (!isPickleGlobal(callable) || !Array.isArray(args)) {
    throw broken(machine, "a call of what is no function");
  }
  const result = machine.rules.call(callable.global, args);
  if (result === undefined) throw new InternalError(`${callable.global} gave nothing`);
  machine.stack.push(result);
}

/** An OrderedDict of a module's carries its `_metadata` so, which says nothing about tensors. */
function build(machine: Machine): void {
  pop(machine);
  if (!(top(machine) instanceof Map))
    throw broken(machine, "attributes are set on what is no dict");
}

function getMemo(machine: Machine, index: number): void {
  const value = machine.memo.get(index);
  if (value === undefined) throw broken(machine, `nothing is kept under ${index}`);
  machine.stack.push(value);
}

const putMemo = (machine: Machine, index: number) => machine.memo.set(index, top(machine));
const text = (machine: Machine, size: 1 | 4) =>
  take(machine, readUint(machine, size)).toString("utf8");

const STOP = 0x2e;

const OPCODES: Readonly<Partial<Record<number, (machine: Machine) => unknown>>> = {
  0x80: (m) => readUint(m, 1), // PROTO
  0x95: (m) => take(m, 8), // FRAME
  0x28: (m) => m.stack.push(MARK),
  0x30: (m) => pop(m), // POP
  0x4e: (m) => m.stack.push(null), // NONE
  0x88: (m) => m.stack.push(true), // NEWTRUE
  0x89: (m) => m.stack.push(false), // NEWFALSE
  0x4a: (m) => m.stack.push(take(m, 4).readInt32LE()), // BININT
  0x4b: (m) => m.stack.push(readUint(m, 1)), // BININT1
  0x4d: (m) => m.stack.push(readUint(m, 2)), // BININT2
  0x8a: (m) => m.stack.push(readLong(m)), // LONG1
  0x47: (m) => m.stack.push(take(m, 8).readDoubleBE()), // BINFLOAT
  0x58: (m) => m.stack.push(text(m, 4)), // BINUNICODE
  0x8c: (m) => m.stack.push(text(m, 1)), // SHORT_BINUNICODE
  0x29: (m) => m.stack.push([]), // EMPTY_TUPLE
  0x85: (m) => m.stack.push(popCount(m, 1)), // TUPLE1
  0x86: (m) => m.stack.push(popCount(m, 2)), // TUPLE2
  0x87: (m) => m.stack.push(popCount(m, 3)), // TUPLE3
  0x74: (m) => m.stack.push(popToMark(m)), // TUPLE
  0x5d: (m) => m.stack.push([]), // EMPTY_LIST
  0x61: (m) => append(m, popCount(m, 1)), // APPEND
  0x65: (m) => append(m, popToMark(m)), // APPENDS
  0x7d: (m) => m.stack.push(new Map()), // EMPTY_DICT
  0x73: (m) => setItems(m, popCount(m, 2)), // SETITEM
  0x75: (m) => setItems(m, popToMark(m)), // SETITEMS
  0x71: (m) => putMemo(m, readUint(m, 1)), // BINPUT
  0x72: (m) => putMemo(m, readUint(m, 4)), // LONG_BINPUT
  0x94: (m) => putMemo(m, m.memo.size), // MEMOIZE
  0x68: (m) => getMemo(m, readUint(m, 1)), // BINGET
  0x6a: (m) => getMemo(m, readUint(m, 4)), // LONG_BINGET
  0x63: (m) => pushGlobal(m, readLine(m), readLine(m)), // GLOBAL
  0x93: (m) => {
    const [module, name] = popCount(m, 2); // STACK_GLOBAL
    pushGlobal(m, module, name);
  },
  0x52: reduce, // REDUCE
  0x62: build, // BUILD
  0x51: (m) => m.stack.push(m.rules.loadPersistent(pop(m))), // BINPERSID
};
