/** Whether models can be mixed: what their configs say about the tensors, and the tensors themselves. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import path from "node:path";
import { InputError } from "../../util/errors.ts";
import { pathExists } from "../../util/path-exists.ts";
import { isFloatDType } from "../../tensors/dtype.ts";
import { readJsonObject } from "../../util/json.ts";
import { refuseForeignQuantisation } from "../../tensors/foreign-quantisation.ts";
import { ropeValues } from "../../tensors/rope-values.ts";
import { isComputed } from "../../families/computed.ts";
import { withTrueTie } from "../../families/tied-head.ts";
import { readModelWeights } from "../../tensors/model-weights.ts";
import type { TensorInfo } from "../../tensors/safetensors.ts";

export interface OpenedModel {
  dir: string;
  config: Readonly<Record<string, unknown>>;
  tensors: ReadonlyMap<string, TensorInfo>;
}

export async function openModel(dir: string): Promise<OpenedModel> {
  const config = await readJsonObject(path.join(dir, "config.json"));
  await refuseForeignQuantisation(dir, config);
  const all = await readModelWeights(dir);
  // mergekit leaves out what is computed, too.
  const own = new Map([...all].filter(([name]) => !isComputed(name)));
  const { weights: tensors, ...tied } = await withTrueTie(config, own);
  return { dir, ...tied, tensors };
}

const MAX_LISTED = 5;
/**
 * What decides what the tensors mean, beside their shapes. Where a config leaves one out its class has a default,
 * which the other may say: the shapes then tell whether they agree.
 */
const CONFIG_KEYS = ["model_type", "num_attention_heads", "num_key_value_heads", "id2label"];
const DEFAULT_ROPE_THETA = 10_000;

/** One form for what transformers 4 and 5 write differently. */
function ropeOf(config: Readonly<Record<string, unknown>>): string {
  const { rope_theta, rope_type, type, ...rest } = ropeValues<Record<string, unknown>>(config);
  const theta = rope_theta ?? config["rope_theta"] ?? DEFAULT_ROPE_THETA;
  const sorted = Object.entries(rest).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify({
    theta,
    type: rope_type ?? type ?? "default",
    ...Object.fromEntries(sorted),
  });
}

export function configProblems(first: OpenedModel, other: OpenedModel): string[] {
  return CONFIG_KEYS.flatMap((key) => {
    const [a, b] = [first.config[key], other.config[key]];
    if (a === undefined || b === undefined || a === null || b === null) return [];
    const [one, two] = [JSON.stringify(a), JSON.stringify(b)];
    return one === two ? [] : `${key} is ${one} and ${two}`;
  });
}

/** Positions that turn at other rates: mergekit mixes such models, and what comes out is seldom of use. */
export function ropeProblem(first: OpenedModel, other: OpenedModel): string | undefined {
  const [a, b] = [ropeOf(first.config), ropeOf(other.config)];
  return a === b ? undefined : `rope is ${a} and ${b}`;
}

/** Why two tensors can't be mixed. */
export function tensorProblem(a: TensorInfo, b: TensorInfo): string | undefined {
  if (a.shape.join() !== b.shape.join()) {
    return `tensor ${a.name} is [${a.shape.join(", ")}] and [${b.shape.join(", ")}]`;
  }
  if (isFloatDType(a.dtype) && isFloatDType(b.dtype)) return undefined;
  return `tensor ${a.name} is ${a.dtype} and ${b.dtype}, expected F32, F16 or BF16`;
}

/** @param isFree whether the rows of a tensor may be other ones, or the tensor missing */
export function tensorProblems(
  first: OpenedModel,
  other: OpenedModel,
  isFree: (name: string) => boolean,
): string[] {
  const names = new Set([...first.tensors.keys(), ...other.tensors.keys()]);
  return [...names].flatMap((name) => {
    const [a, b] = [first.tensors.get(name), other.tensors.get(name)];
    if (isFree(name)) return [];
    if (a && b) return tensorProblem(a, b) ?? [];
    return `tensor ${name} is in ${a ? first.dir : other.dir} only`;
  });
}

/** @throws InputError listing what differs */
export function refuseProblems(first: string, other: string, problems: readonly string[]): void {
  if (problems.length === 0) return;
  const more = problems.length - MAX_LISTED;
  throw new InputError(
    `${first} and ${other} can't be mixed: ${problems.slice(0, MAX_LISTED).join("; ")}${more > 0 ? `; and ${more} more` : ""}`,
  );
}

const TOKENIZER = "tokenizer.json";

/** Tokens that were added may differ: fine-tunes add some in rows that the base has to spare. */
export async function vocabularyProblems(
  first: OpenedModel,
  other: OpenedModel,
): Promise<string[]> {
  const [a, b] = [path.join(first.dir, TOKENIZER), path.join(other.dir, TOKENIZER)];
  if (!(await pathExists(a)) || !(await pathExists(b))) return [];
  if ((await hashOf(a)) === (await hashOf(b))) return [];
  const [ours, theirs] = [await vocabularyIn(a), await vocabularyIn(b)];
  for (const [token, id] of ours) {
    const otherId = theirs.get(token);
    if (otherId === id) continue;
    const text = JSON.stringify(token);
    return [`token ${text} of ${TOKENIZER} is ${id} and ${otherId ?? "not there"}`];
  }
  return theirs.size === ours.size
    ? []
    : [`the vocabulary of ${TOKENIZER} has ${ours.size} and ${theirs.size} tokens`];
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const bytes of createReadStream(file)) hash.update(bytes as Uint8Array);
  return hash.digest("hex");
}

async function vocabularyIn(file: string): Promise<ReadonlyMap<string, number>> {
  return vocabularyOf((await readJsonObject(file))["model"]);
}

/** BPE and WordPiece map tokens to ids; Unigram lists [token, score]. @param core the tokenizer's `model` */
export function vocabularyOf(core: unknown): Map<string, number> {
  const { vocab = {} } = (core ?? {}) as { vocab?: unknown };
  if (!Array.isArray(vocab)) return new Map(Object.entries(vocab as Record<string, number>));
  return new Map(vocab.map((entry, id): [string, number] => [String((entry as unknown[])[0]), id]));
}
