/** Ways in which a real file goes wrong, or was made to: by bytes, by pieces of text, by values of its JSON. */
import type { Dice } from "./dice.ts";

const CONTROLS = "\u001b[2J\u001b]0;title\u0007\u009b31m\u202e\u2066";

/** JSON texts of values that nobody expects. */
const VALUES: readonly string[] = [
  ["null", "true", "0", "-1", "1.5", "1e308", "1e999", "-0", "NaN", "Infinity"],
  ["2147483647", "4294967296", "9007199254740993", "16777216", "100000000000"],
  ['""', '"x"', '"\\ud800"', '"a\\u0000b"', '"../../etc/passwd"', '"[a](command:b)"', '"(a+)+$"'],
  ["[]", "{}", "[[]]", "[null]", "[-1]", "[1e9, 1e9]", '{"type": "x"}', '{"": 0}'],
  ['{"__proto__": {"a": 1}}', '{"constructor": {"prototype": 1}}', '{"a": 1, "a": 2}'],
  JSON.stringify(CONTROLS),
  JSON.stringify(`${CONTROLS}${"y".repeat(3_000)}`),
  JSON.stringify("long".repeat(50_000)),
  JSON.stringify(Array.from({ length: 20_000 }, (_, n) => n)),
  `${"[".repeat(6_000)}${"]".repeat(6_000)}`,
  `${'{"a":'.repeat(6_000)}1${"}".repeat(6_000)}`,
].flat();

const KEYS = ["__proto__", "constructor", "toString", "", CONTROLS, "k".repeat(5_000), "length"];

const PIECES: readonly string[] = [
  ["\0", "\ufeff", "\r", "\n\n", '"', "{", "}", "[", "]", ",", ":", "\\", "\u2028", CONTROLS],
  ["{% for i in range(10**9) %}x{% endfor %}", "{{ 'a' * 10**9 }}", "{{", "{%", "{% endif %}"],
  ["{{ raise_exception(messages|string * 400) }}", "{{ messages.__class__.__mro__ }}"],
  [
    "{% include 'x' %}",
    "{{ (1).__add__(2) }}",
    "&a [*a, *a]",
    "<<: *x",
    "!!js/function x",
    "- - - -",
  ],
  "w".repeat(100_000),
  "(".repeat(5_000),
].flat();

type Tree = null | boolean | number | string | Tree[] | { [key: string]: Tree };

/** Some bytes changed, cut out, doubled, or the end cut off; headers, at the front, are hit most. */
function mutateBytes(bytes: Buffer, dice: Dice): Buffer {
  const near = Math.min(bytes.length, dice.pick([16, 64, 512, bytes.length]));
  const at = dice.int(Math.max(1, near));
  const length = dice.int(Math.max(1, Math.min(64, bytes.length - at)));
  const kind = dice.int(6);
  if (kind === 0) return bytes.subarray(0, dice.int(bytes.length + 1));
  if (kind === 1) return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
  const piece = bytes.subarray(at, at + length);
  if (kind === 2) return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
  const changed = Buffer.from(bytes);
  if (kind === 3) changed.fill(dice.pick([0, 0x7f, 0xff]), at, at + dice.pick([1, 2, 4, 8]));
  else {
    for (let n = dice.pick([1, 2, 8]); n > 0 && near > 0; n--)
      changed[dice.int(near)] = dice.int(256);
  }
  return changed;
}

function mutateText(text: string, dice: Dice): string {
  const at = dice.int(text.length + 1);
  const length = dice.int(40);
  const kind = dice.int(4);
  if (kind === 0) return text.slice(0, at);
  if (kind === 1) return text.slice(0, at) + text.slice(at + length);
  if (kind === 2) return text.slice(0, at + length) + text.slice(at);
  return text.slice(0, at) + dice.pick(PIECES) + text.slice(at);
}

/** One value or key of a JSON text changed; what is no JSON is changed as text. */
function mutateJson(text: string, dice: Dice): string {
  let root: Tree;
  try {
    root = JSON.parse(text) as Tree;
  } catch {
    return mutateText(text, dice);
  }
  const mark = "@@changed@@";
  const raw = changeAt({ root }, dice, mark);
  return JSON.stringify(root).replace(JSON.stringify(mark), () => raw);
}

/** @returns the JSON text that belongs where the mark now stands */
function changeAt({ root }: { root: Tree }, dice: Dice, mark: string): string {
  let holder = root;
  for (;;) {
    if (holder === null || typeof holder !== "object") return "";
    const keys = Object.keys(holder);
    if (keys.length === 0) return addTo(holder, dice, mark);
    const key = dice.pick(keys);
    const value = (holder as Record<string, Tree>)[key] ?? null;
    if (typeof value === "object" && value !== null && dice.int(4) > 0) {
      holder = value;
      continue;
    }
    if (dice.int(8) === 0) return addTo(holder, dice, mark);
    return replace(holder as Record<string, Tree>, key, { dice, mark });
  }
}

function addTo(holder: Tree & object, dice: Dice, mark: string): string {
  if (Array.isArray(holder)) holder.push(mark);
  // As JSON.parse does, and unlike an assignment, also of __proto__.
  else Object.defineProperty(holder, dice.pick(KEYS), { value: mark, enumerable: true });
  return dice.pick(VALUES);
}

function replace(
  holder: Record<string, Tree>,
  key: string,
  { dice, mark }: { dice: Dice; mark: string },
): string {
  const value = holder[key] ?? null;
  if (dice.int(6) === 0) {
    delete holder[key];
    return "";
  }
  holder[key] = mark;
  if (typeof value === "number" && dice.int(2) === 0) {
    return String(dice.pick([value + 1, value - 1, -value, value * 2, value / 2, value * 1e6]));
  }
  if (dice.int(10) === 0) return `${JSON.stringify(value)}, ${JSON.stringify(key)}: 0`;
  return dice.pick(VALUES);
}

/** The header as JSON, its length made right again: what bytes by chance would hardly reach. */
function mutateSafetensors(bytes: Buffer, dice: Dice): Buffer {
  if (dice.int(3) === 0) return mutateBytes(bytes, dice);
  const end = 8 + Number(bytes.readBigUInt64LE());
  const header = Buffer.from(mutateJson(bytes.toString("utf8", 8, end), dice));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, bytes.subarray(end)]);
}

/** By what the file is: mostly by its values, now and then by its bytes. */
export function mutateFile(name: string, bytes: Buffer, dice: Dice): Buffer {
  if (name.endsWith(".safetensors")) return mutateSafetensors(bytes, dice);
  if (/\.(?:gguf|parquet|gz|bin)$/u.test(name) || dice.int(6) === 0)
    return mutateBytes(bytes, dice);
  const text = bytes.toString("utf8");
  if (name.endsWith(".json")) return Buffer.from(mutateJson(text, dice));
  if (!name.endsWith(".jsonl")) return Buffer.from(mutateText(text, dice));
  const lines = text.split("\n");
  const at = dice.int(lines.length);
  return Buffer.from(lines.with(at, mutateJson(lines[at] ?? "", dice)).join("\n"));
}
