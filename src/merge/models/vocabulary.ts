/** The vocabulary of a merged model, where one is asked for: mergekit's `tokenizer_source` and `tokenizer`. */
import path from "node:path";
import type { TokenSource } from "../../protocol/merge-config.ts";
import { InputError } from "../../util/errors.ts";
import { largest } from "../../util/largest.ts";
import { pathExists } from "../../util/path-exists.ts";
import { readJsonObject } from "../../util/json.ts";
import { type OpenedModel, vocabularyOf } from "./check-alike.ts";
import type { MergeRequest } from "./request.ts";

export interface AddedToken {
  id: number;
  content: string;
}

export interface OwnVocabulary {
  ids: ReadonlyMap<string, number>;
  /** The rows of the model's embedding; ids from here on are not used. */
  size: number;
  /** As tokenizer.json has them. */
  added: readonly AddedToken[];
}

export interface MergedVocabulary {
  ids: ReadonlyMap<string, number>;
  /** Rows of the embedding, those that fill it up included. */
  size: number;
  padding: number;
  /** Each model's by its folder; those without a tokenizer.json have the base's. */
  own: ReadonlyMap<string, OwnVocabulary>;
  baseDir: string;
  tokens: Readonly<
    Record<string, { source?: TokenSource | undefined; force?: boolean | undefined }>
  >;
  /** Whose tokenizer is copied. */
  tokenizerDir: string;
  /** What its tokenizer.json then has more, and from which id on it has nothing. */
  added: readonly AddedToken[];
  end: number;
}

const TOKENIZER = "tokenizer.json";

/** @throws InputError naming the place in the configuration, or the tokenizer that can't be used */
export async function mergedVocabulary(
  request: MergeRequest,
  models: ReadonlyMap<string, OpenedModel>,
): Promise<MergedVocabulary | undefined> {
  const { tokenizer } = request.config;
  const asked = askedSource(request);
  if (asked === undefined) return undefined;
  const { source, place } = asked;
  const [first = ""] = models.keys();
  const baseDir = request.config.base_model ?? first;
  const tokenizerDir = source === "base" || source === "union" ? baseDir : source;
  if (!models.has(tokenizerDir)) {
    throw new InputError(`${place}: ${source} is none of the models; name one, or "base"`);
  }
  if (!(await pathExists(path.join(tokenizerDir, TOKENIZER)))) {
    throw new InputError(`${place}: ${tokenizerDir} has no ${TOKENIZER}`);
  }
  const own = await ownVocabularies(models, baseDir);
  const chosen = own.get(tokenizerDir)!;
  const end = tokenizerDir === baseDir ? chosen.size : Infinity;
  const ids = new Map([...chosen.ids].filter(([, id]) => id < end));
  const { tokens = {}, pad_to_multiple_of: multiple = 1 } = tokenizer ?? {};
  const added = addTokens(ids, {
    others: source === "union" ? [...own.values()] : [],
    more: Object.keys(tokens),
  });
  const rows = rowsOf(ids);
  const size = Math.ceil(rows / multiple) * multiple;
  const padding = size - rows;
  return { ids, size, padding, own, baseDir, tokens, tokenizerDir, added, end };
}

function askedSource({
  config: { tokenizer_source, tokenizer },
  where,
}: MergeRequest): { source: string; place: string } | undefined {
  if (tokenizer_source !== undefined && tokenizer) {
    throw new InputError(
      `${where(["tokenizer"])}: give tokenizer_source or tokenizer, one of them`,
    );
  }
  const source = tokenizer?.source ?? tokenizer_source;
  const place = where([tokenizer ? "tokenizer" : "tokenizer_source"]);
  return source === undefined ? undefined : { source, place };
}

/** Gives `ids` the tokens of others that it lacks, plain ones first, as mergekit does. */
function addTokens(
  ids: Map<string, number>,
  { others, more }: { others: readonly OwnVocabulary[]; more: readonly string[] },
): AddedToken[] {
  const added: AddedToken[] = [];
  let next = rowsOf(ids);
  const add = (token: string, like?: AddedToken): void => {
    if (ids.has(token)) return;
    const id = next++;
    ids.set(token, id);
    added.push({ ...PLAIN_TOKEN, ...like, id, content: token });
  };
  const all = others.map(({ ids: own, size, added: infos }) => ({
    special: new Map(infos.map((info) => [info.content, info])),
    usable: [...own].filter(([, id]) => id < size).toSorted(([, a], [, b]) => a - b),
  }));
  for (const { usable, special } of all) {
    for (const [token] of usable) if (!special.has(token)) add(token);
  }
  for (const { usable, special } of all) {
    for (const [token] of usable) if (special.has(token)) add(token, special.get(token));
  }
  for (const token of more) add(token);
  return added;
}

/** What `add_tokens` makes of text. */
const PLAIN_TOKEN = {
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: true,
  special: false,
};

function rowsOf(ids: ReadonlyMap<string, number>): number {
  return largest(ids.values(), -1) + 1;
}

async function ownVocabularies(
  models: ReadonlyMap<string, OpenedModel>,
  baseDir: string,
): Promise<ReadonlyMap<string, OwnVocabulary>> {
  const own = new Map<string, OwnVocabulary>();
  const base = await ownVocabulary(models.get(baseDir)!);
  for (const model of models.values()) {
    const found = model.dir === baseDir ? base : await ownVocabulary(model);
    const read = found ?? base;
    if (!read) throw new InputError(`${baseDir} has no ${TOKENIZER}`);
    own.set(model.dir, found ?? { ...read, size: sizeOf(model) ?? read.size });
  }
  return own;
}

function sizeOf({ config }: OpenedModel): number | undefined {
  const size = config["vocab_size"];
  return typeof size === "number" ? size : undefined;
}

async function ownVocabulary(model: OpenedModel): Promise<OwnVocabulary | undefined> {
  const file = path.join(model.dir, TOKENIZER);
  if (!(await pathExists(file))) return undefined;
  const { model: core, added_tokens: added = [] } = await readJsonObject(file);
  const ids = vocabularyOf(core);
  for (const { id, content } of added as AddedToken[]) {
    if (!Number.isInteger(id) || typeof content !== "string") {
      throw new InputError(`${file}: added_tokens: each needs an id and its content`);
    }
    ids.set(content, id);
  }
  return { ids, size: sizeOf(model) ?? rowsOf(ids), added: added as AddedToken[] };
}
