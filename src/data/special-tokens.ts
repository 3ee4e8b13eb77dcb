/**
 * Which tokens a model folder names and adds, from the files beside tokenizer.json, with transformers'
 * precedence: `added_tokens_decoder` of tokenizer_config.json makes the two files of older versions
 * void; without it special_tokens_map.json goes before tokenizer_config.json.
 */
import path from "node:path";
import { InputError } from "../util/errors.ts";
import type { JsonObject } from "../util/json.ts";

/** As the files write it. */
export interface AddedTokenJson {
  content: string;
  special: boolean;
  single_word: boolean;
  lstrip: boolean;
  rstrip: boolean;
  normalized: boolean;
}

export interface SpecialTokens {
  /** bos_token, eos_token and whatever else ends in _token. */
  named: Readonly<Record<string, string>>;
  /** In the order in which a tokenizer that lacks them gets them. */
  added: readonly AddedTokenJson[];
}

/** transformers' own names; others are the model's. */
const STANDARD = [
  "bos_token",
  "eos_token",
  "unk_token",
  "sep_token",
  "pad_token",
  "cls_token",
  "mask_token",
];

export interface TokenFiles {
  modelDir: string;
  /** tokenizer.json */
  tokenizer: JsonObject;
  config: JsonObject;
  /** special_tokens_map.json */
  map: JsonObject | undefined;
  /** added_tokens.json: ids by text */
  ids: JsonObject | undefined;
}

/** @throws InputError naming the file and the entry that is no token */
export function readSpecialTokens(files: TokenFiles): SpecialTokens {
  const { modelDir, tokenizer, config, map, ids } = files;
  const decoder = config["added_tokens_decoder"];
  const isNew = typeof decoder === "object" && decoder !== null;
  const settings: JsonObject = isNew ? config : { ...config, ...map };
  const entries = Object.entries(settings).flatMap(([key, value]): [string, AddedTokenJson][] => {
    const token = key.endsWith("_token") ? readToken(value, true) : undefined;
    return token ? [[key, token]] : [];
  });
  const byName = Object.fromEntries(entries);
  const extra = extraTokens(settings);
  const special = new Set([...entries.map(([, { content }]) => content), ...extra.map(textOf)]);
  const declared = isNew
    ? Object.entries(decoder).map(([id, value]) => {
        const token = readToken(value, false);
        if (token) return [Number(id), token] as const;
        const file = path.join(modelDir, "tokenizer_config.json");
        throw new InputError(`${file}: added_tokens_decoder[${id}] is not a token`);
      })
    : Object.entries(ids ?? {}).map(
        ([text, id]) => [Number(id), addedToken(text, special.has(text))] as const,
      );
  // Ids are given in this order by the tokenizer, whatever the files say.
  const ordered = declared.toSorted(([a], [b]) => a - b).map(([, token]) => token);
  const standard = STANDARD.flatMap((name) => byName[name] ?? []);
  const own = entries.flatMap(([name, token]) => (STANDARD.includes(name) ? [] : [token]));
  const named = new Set(entries.map(([, { content }]) => content));
  const known = new Set([...ordered.map(textOf), ...addedTexts(tokenizer)]);
  return {
    named: Object.fromEntries(entries.map(([key, { content }]) => [key, content])),
    added: [
      ...ordered.map((token) => ({ ...token, special: token.special || named.has(token.content) })),
      ...[...standard, ...own, ...extra].filter(({ content }) => !known.has(content)),
    ],
  };
}

function textOf({ content }: AddedTokenJson): string {
  return content;
}

/** What tokenizer.json adds itself keeps the properties that it has there. */
function addedTexts(tokenizer: JsonObject): readonly string[] {
  const added = tokenizer["added_tokens"];
  return Array.isArray(added) ? added.flatMap((each) => readToken(each, false)?.content ?? []) : [];
}

/** `extra_special_tokens`, which transformers 4 calls `additional_special_tokens`: a list, or by name. */
function extraTokens(settings: JsonObject): readonly AddedTokenJson[] {
  const value = settings["extra_special_tokens"] ?? settings["additional_special_tokens"];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap((each) => readToken(each, true) ?? []);
}

/** A token is text, or an object that holds it. */
function readToken(value: unknown, special: boolean): AddedTokenJson | undefined {
  if (typeof value === "string") return addedToken(value, special);
  if (typeof value !== "object" || value === null || !("content" in value)) return undefined;
  const { content, ...flags } = value as JsonObject;
  if (typeof content !== "string") return undefined;
  const plain = addedToken(content, special || flags["special"] === true);
  const flag = (name: "single_word" | "lstrip" | "rstrip" | "normalized"): boolean =>
    typeof flags[name] === "boolean" ? flags[name] : plain[name];
  return {
    ...plain,
    single_word: flag("single_word"),
    lstrip: flag("lstrip"),
    rstrip: flag("rstrip"),
    normalized: flag("normalized"),
  };
}

function addedToken(content: string, special: boolean): AddedTokenJson {
  return {
    content,
    special,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: !special,
  };
}
