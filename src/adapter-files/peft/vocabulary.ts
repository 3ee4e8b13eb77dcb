/**
 * The two tensors with a row for each token, embedding and head: whether a base holds them as one, and what an
 * adapter makes of that. One model for engine, merge and check.
 */
import { InputError } from "../../util/errors.ts";
import { DTYPE_BYTES, fromFloat32, isFloatDType, toFloat32 } from "../../tensors/dtype.ts";
import type { PeftExtras, TokenRows } from "./extras.ts";
import { type TensorInfo, readTensorChunks } from "../../tensors/safetensors.ts";
import { familyOf } from "../../families/registry.ts";

/** 16 MB of float32. */
const COMPARED_VALUES = 2 ** 22;

export interface VocabularyBase {
  dir: string;
  /** With `tie_word_embeddings` as the weights have it (tied-head.ts). */
  config: Readonly<Record<string, unknown>>;
  weights: ReadonlyMap<string, TensorInfo>;
}

export interface FittedBase<B extends VocabularyBase> {
  /** With the vocabulary that the adapter was trained on, and a head of its own where the adapter needs one. */
  base: B;
  /** The head is no longer the embedding. */
  untiesHead: boolean;
  /** Trained whole, by the base's name; of a pair that stays tied the embedding alone. */
  whole: ReadonlyMap<string, TensorInfo>;
  /** Likewise, where single tokens were trained. */
  rows: ReadonlyMap<string, TokenRows>;
}

/** The name of the language head's tensor, whether the base has one or not. */
export function headOf({ config }: Pick<VocabularyBase, "config">): string {
  return familyOf(config).head;
}

/** Whether the head is the embedding; a classifier has no language head. */
function isTied({ config, weights }: Omit<VocabularyBase, "dir">): boolean {
  return !weights.has(headOf({ config })) && config["tie_word_embeddings"] !== false;
}

function embeddingTest({ config }: Pick<VocabularyBase, "config">): (name: string) => boolean {
  const family = familyOf(config);
  return (name) => family.facts(name).role === "embedding";
}

/** Which of the two tables a tensor is, if any. */
function tableTest({ config }: Pick<VocabularyBase, "config">): (name: string) => boolean {
  const family = familyOf(config);
  return (name) => name === family.head || family.facts(name).role === "embedding";
}

/** A tensor of the base: of a tied head the embedding's. */
export function sourceOf(base: VocabularyBase, name: string): TensorInfo | undefined {
  const own = base.weights.get(name);
  if (own ?? (name !== headOf(base) || !isTied(base))) return own;
  const isEmbedding = embeddingTest(base);
  return [...base.weights.values()].find((info) => isEmbedding(info.name));
}

/**
 * The base as PEFT has it once the adapter is loaded, before its factors: a copy that PEFT saved of the base's
 * own tensors must be theirs, but for rows of tokens that were added; of a tied pair one that is trained whole
 * leaves the other as it was, tokens that are trained singly change both.
 * @param factors names of the base's tensors that are changed by more than `extras`
 * @throws InputError naming the tensor that the base has no place for, or that differs from the base's own
 */
export async function fitBase<B extends VocabularyBase>(
  given: B,
  extras: PeftExtras,
  factors: readonly string[] = [],
): Promise<FittedBase<B>> {
  await checkTwins(extras);
  const head = headOf(given);
  const base = withOneTable(given, extras, factors);
  const weights = new Map(base.weights);
  const wasTied = isTied(base);
  const whole = await withoutTiedHead(base, extras);
  const rows = wasTied ? await rowsWithoutTiedHead(base, extras) : extras.rows;
  const grown = await grownTables(base, extras.copies, whole);
  for (const [name, info] of whole) {
    const own = sourceOf(base, name);
    checkPlace(base, { name, info, own });
    const rowCount = info.shape[0];
    // Saved without the base's own, where PEFT could not look the base up.
    if (own && rowCount !== own.shape[0] && !grown.has(name)) grown.set(name, info);
  }
  const changed = [...factors, ...whole.keys(), ...rows.keys()];
  const untiesHead =
    wasTied && (changed.includes(head) || splits(base, { factors, whole, extras }));
  if (untiesHead) {
    const source = sourceOf(base, head);
    if (source) weights.set(head, { ...source, name: head });
  }
  for (const [name, info] of grown) {
    if (name === head && wasTied && !untiesHead) continue;
    weights.set(name, { ...info, name });
  }
  checkRows(base, weights, grown);
  return { base: { ...base, weights }, untiesHead, whole, rows };
}

/** A tied base may hold the pair twice: then the head goes, before one of the two is changed. */
function withOneTable<B extends VocabularyBase>(
  base: B,
  { whole, rows, copies }: PeftExtras,
  factors: readonly string[],
): B {
  const names = [...factors, ...whole.keys(), ...rows.keys(), ...copies.map(({ name }) => name)];
  const isChanged = names.some(tableTest(base));
  if (!isChanged || base.config["tie_word_embeddings"] !== true) return base;
  return { ...base, weights: new Map([...base.weights].filter(([name]) => name !== headOf(base))) };
}

/** Tables that PEFT saved with more rows, or fewer, than the base's; of a tied pair both by either. */
async function grownTables(
  base: VocabularyBase,
  copies: PeftExtras["copies"],
  whole: ReadonlyMap<string, TensorInfo>,
): Promise<Map<string, TensorInfo>> {
  const grown = new Map<string, TensorInfo>();
  const [head, isEmbedding] = [headOf(base), embeddingTest(base)];
  for (const { name, copy } of copies) {
    // Where a module was trained whole, only the wrapper's own copy is the base's.
    if (whole.has(name) && !copy.name.includes(".original_module.")) continue;
    if (!(await bringsTokens(base, name, copy))) continue;
    grown.set(name, copy);
    if (isEmbedding(name) && isTied(base) && !grown.has(head)) grown.set(head, copy);
  }
  return grown;
}

/** Whether the embedding is changed in a way that PEFT does not carry over to a tied head. */
function splits(
  base: VocabularyBase,
  {
    factors,
    whole,
    extras: { ensuresTie },
  }: {
    factors: readonly string[];
    whole: ReadonlyMap<string, TensorInfo>;
    extras: PeftExtras;
  },
): boolean {
  const isEmbedding = embeddingTest(base);
  return factors.some(isEmbedding) || (!ensuresTie && [...whole.keys()].some(isEmbedding));
}

/** ensure_weight_tying trains one tensor, and saves it under both names. */
async function withoutTiedHead(
  base: VocabularyBase,
  { whole, ensuresTie }: PeftExtras,
): Promise<ReadonlyMap<string, TensorInfo>> {
  const [headName, isEmbedding] = [headOf(base), embeddingTest(base)];
  const head = whole.get(headName);
  const embedding = [...whole].find(([name]) => isEmbedding(name))?.[1];
  if (!ensuresTie || !isTied(base) || !head || !embedding) return whole;
  await checkEqual(head, embedding, "ensure_weight_tying is true");
  return new Map([...whole].filter(([name]) => name !== headName));
}

/** PEFT saves one set of rows of a tied base, or the same twice. */
async function rowsWithoutTiedHead(
  base: VocabularyBase,
  { rows }: PeftExtras,
): Promise<ReadonlyMap<string, TokenRows>> {
  const [headName, isEmbedding] = [headOf(base), embeddingTest(base)];
  const head = rows.get(headName);
  const embedding = [...rows].find(([name]) => isEmbedding(name))?.[1];
  if (!head || !embedding) return rows;
  const isAlike =
    head.tokens.join() === embedding.tokens.join() && (await isSame(head.values, embedding.values));
  if (!isAlike) {
    throw new InputError(
      `${head.values.file}: tensors ${head.values.name} and ${embedding.values.name} differ, but the base holds head and embedding as one, which PEFT trains as one`,
    );
  }
  return new Map([...rows].filter(([name]) => name !== headName));
}

async function checkTwins({ twins }: PeftExtras): Promise<void> {
  for (const [one, other] of twins) await checkEqual(one, other, "both are of one module");
}

async function checkEqual(one: TensorInfo, other: TensorInfo, why: string): Promise<void> {
  if (one.shape.join() === other.shape.join() && (await isSame(one, other))) return;
  throw new InputError(`${one.file}: tensors ${one.name} and ${other.name} differ, though ${why}`);
}

function checkPlace(
  base: VocabularyBase,
  { name, info, own }: { name: string; info: TensorInfo; own: TensorInfo | undefined },
): void {
  const { dir } = base;
  const isTable = tableTest(base)(name);
  const [, ...columns] = info.shape;
  const [, ...ownColumns] = own?.shape ?? [];
  const isFitting = isTable
    ? columns.join() === ownColumns.join()
    : own?.shape.join() === info.shape.join();
  if (own && isFitting) return;
  const what = own ? `is [${own.shape.join(", ")}] in ${dir}` : `is not in ${dir}`;
  throw new InputError(
    `${info.file}: tensor ${info.name} is [${info.shape.join(", ")}], but ${name} ${what}: the adapter was made for another base`,
  );
}

/**
 * Whether the copy is of a vocabulary of another size, the tokens of both being the same.
 * @throws InputError for a copy that is not the base's own
 */
async function bringsTokens(
  base: VocabularyBase,
  name: string,
  copy: TensorInfo,
): Promise<boolean> {
  const own = sourceOf(base, name);
  const columns = (info: TensorInfo): string => info.shape.slice(1).join();
  if (own && columns(own) === columns(copy) && (await isSame(own, copy))) {
    return own.shape[0] !== copy.shape[0];
  }
  throw new InputError(
    `${copy.file}: tensor ${copy.name} is PEFT's copy of the base's ${name}, but differs from ${base.dir}: the adapter was made for another base; find that one, or merge the adapter with PEFT`,
  );
}

/** @throws InputError where one table has tokens that the other has not */
function checkRows(
  base: VocabularyBase,
  weights: ReadonlyMap<string, TensorInfo>,
  grown: ReadonlyMap<string, TensorInfo>,
): void {
  const [first] = grown.values();
  if (!first) return;
  const { dir } = base;
  const [rows] = first.shape;
  const isTable = tableTest(base);
  for (const [name, info] of weights) {
    if (!isTable(name) || info.shape[0] === rows) continue;
    throw new InputError(
      `${first.file}: tensor ${first.name} is for a vocabulary of ${rows}, but ${name} of ${dir} has ${info.shape[0]} rows and the adapter brings no other: tokens were added, or the adapter was made for another base; save it with PEFT's save_embedding_layers=True`,
    );
  }
}

/**
 * Whether one is the other in its own number format, as far as both have rows; read a piece at a time, since
 * tables may be of gigabytes.
 */
async function isSame(one: TensorInfo, other: TensorInfo): Promise<boolean> {
  if (!isFloatDType(one.dtype) || !isFloatDType(other.dtype)) return false;
  const chunks = readTensorChunks(other, COMPARED_VALUES * DTYPE_BYTES[other.dtype]);
  let [isFirst, isSecond] = [true, true];
  try {
    for await (const chunk of readTensorChunks(one, COMPARED_VALUES * DTYPE_BYTES[one.dtype])) {
      const next = await chunks.next();
      if (next.done === true) break;
      const [a, b] = [toFloat32(chunk, one.dtype), toFloat32(next.value, other.dtype)];
      const length = Math.min(a.length, b.length);
      const [x, y] = [a.subarray(0, length), b.subarray(0, length)];
      isFirst &&= isEqual(rounded(x, other.dtype), y);
      isSecond &&= isEqual(x, rounded(y, one.dtype));
      if (!isFirst && !isSecond) return false;
    }
    return true;
  } finally {
    await chunks.return(undefined);
  }
}

function rounded(values: Float32Array, dtype: TensorInfo["dtype"]): Float32Array {
  return toFloat32(fromFloat32(values, dtype), dtype);
}

function isEqual(a: Float32Array, b: Float32Array): boolean {
  return a.every((value, i) => value === b[i]);
}

/** @throws InputError for a base without the tensor, or a token that is none of its rows */
export function checkTokens(
  { tokens, values }: TokenRows,
  own: TensorInfo | undefined,
  name: string,
): asserts own is TensorInfo {
  const outside = tokens.find((token) => token >= (own?.shape[0] ?? 0));
  if (own && own.shape[1] === values.shape[1] && outside === undefined) return;
  const what = own ? `is [${own.shape.join(", ")}]` : "is not there";
  const which = own && outside !== undefined ? `, for token ${outside} among others` : "";
  throw new InputError(
    `${values.file}: tensor ${values.name} is [${values.shape.join(", ")}]${which}, but ${name} ${what}: the adapter was made for another base, or for a larger vocabulary; save it with PEFT's save_embedding_layers=True`,
  );
}
