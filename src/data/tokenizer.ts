/**
 * A model folder's tokenizer: tokenizer.json by the library that defines it, and the files beside it as
 * transformers 4 and 5 write them.
 */
import path from "node:path";
import { AddedToken, Tokenizer as NativeTokenizer } from "tokenizers";
import { InputError, errorMessage } from "../util/errors.ts";
import { parseJsonObject, readJsonObjectIfThere, readJsonTextIfThere } from "../util/json.ts";
import { chatTemplatesOf } from "../util/chat-template-file.ts";
import { collectYoung } from "../util/collect-young.ts";
import { type AddedTokenJson, type Json, readSpecialTokens } from "./special-tokens.ts";
import { ChatTemplate } from "./templates/chat-template.ts";
import { TokenisedText } from "./tokenised-text.ts";

export interface EncodeOptions {
  /** Whether BOS and the like are added as the tokenizer is set up to; default true. */
  addSpecialTokens?: boolean;
}

export interface Tokenizer {
  encode(text: string, options?: EncodeOptions): Promise<readonly number[]>;
  /** On all cores, and not on the thread that asks. */
  encodeBatch(texts: readonly string[], options?: EncodeOptions): Promise<readonly TokenisedText[]>;
  decode(ids: readonly number[]): string;
  bosTokenId: number | undefined;
  /** The tokens that end an answer, from config files; the first is the tokenizer's own. */
  eosTokenIds: readonly number[];
  chatTemplate: ChatTemplate | undefined;
  /** Files that all of it is made of; some may be missing. */
  sources: readonly string[];
}

const SOURCES = [
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "chat_template.jinja",
  "additional_chat_templates/default.jinja",
  "additional_chat_templates/tool_use.jinja",
  "generation_config.json",
  "config.json",
];

/** The library's form of a token takes some 100 bytes until the object that holds it is collected. */
const COLLECTED_TOKENS = 2 ** 18;

/**
 * @param place where tokenizer and template are, if not in the model's folder (weights/tokenizer-place.ts)
 * @throws InputError naming the file that is missing or broken
 */
export async function loadTokenizer(
  modelDir: string,
  place?: { tokenizerDir: string; templateDir: string },
): Promise<Tokenizer> {
  const { tokenizerDir = modelDir, templateDir = modelDir } = place ?? {};
  const file = path.join(tokenizerDir, "tokenizer.json");
  const text = await readJsonTextIfThere(file);
  if (text === undefined) {
    throw new InputError(`${tokenizerDir} has no tokenizer.json; a fast tokenizer is needed`);
  }
  const json = (name: string): Promise<Json | undefined> =>
    readJsonObjectIfThere(path.join(tokenizerDir, name));
  const config = (await json("tokenizer_config.json")) ?? {};
  const { named, added } = readSpecialTokens({
    modelDir: tokenizerDir,
    tokenizer: parseJsonObject(text, file),
    config,
    map: await json("special_tokens_map.json"),
    ids: await json("added_tokens.json"),
  });
  const tokenizer = makeTokenizer(text, added, file);
  let held = 0;
  const encodeBatch: Tokenizer["encodeBatch"] = async (texts, options = {}) => {
    const { addSpecialTokens = true } = options;
    try {
      if (held > COLLECTED_TOKENS) {
        collectYoung();
        held = 0;
      }
      const encodings = await tokenizer.encodeBatch([...texts], { addSpecialTokens });
      return encodings.map((encoding, index) => {
        const tokens = new TokenisedText(texts[index] ?? "", encoding);
        held += tokens.ids.length;
        return tokens;
      });
    } catch (error) {
      // A text for which it has no token, not even one for unknown ones.
      throw new InputError(`${file}: ${errorMessage(error)}`, { cause: error });
    }
  };
  const idOf = (name: string): number | undefined => {
    const token = named[name];
    return token === undefined ? undefined : (tokenizer.tokenToId(token) ?? undefined);
  };
  return {
    encode: async (one, options) => (await encodeBatch([one], options))[0]?.ids ?? [],
    encodeBatch,
    decode: decodeWith(tokenizer),
    bosTokenId: idOf("bos_token"),
    eosTokenIds: await eosTokenIds(modelDir, idOf("eos_token")),
    chatTemplate: await loadChatTemplate(templateDir, named),
    sources: [...new Set([tokenizerDir, templateDir, modelDir])].flatMap((dir) =>
      SOURCES.map((name) => path.join(dir, name)),
    ),
  };
}

/**
 * A tokenizer may know tokens that the embeddings lack (a pad token behind them), as long as no text has them.
 * @param options.place where the ids are from, for the message
 * @throws InputError naming the first such token
 */
export function checkInVocabulary(
  ids: Iterable<number>,
  options: { vocabSize: number; tokenizer: Pick<Tokenizer, "decode">; place: string },
): void {
  const { vocabSize, tokenizer, place } = options;
  for (const id of ids) {
    if (id < vocabSize) continue;
    throw new InputError(
      `${place}: token ${id} (${JSON.stringify(tokenizer.decode([id]))}) is outside the model's vocabulary of ${vocabSize}: tokenizer.json and the weights do not belong together, or tokens were added and the embeddings not resized`,
    );
  }
}

/**
 * Trimmed offsets leave out the white space that a token begins with: a token of nothing else would
 * belong to no text at all. Ids do not depend on it. No text in the file can hold these quotes bare.
 */
const TRIMS_OFFSETS = /(?<!\\)"trim_offsets"\s*:\s*true/gu;

function makeTokenizer(
  text: string,
  added: readonly AddedTokenJson[],
  file: string,
): NativeTokenizer {
  try {
    const tokenizer = NativeTokenizer.fromString(
      text.replace(TRIMS_OFFSETS, '"trim_offsets":false'),
    );
    // Rows are cut by data.maxLength, and never padded.
    tokenizer.disableTruncation();
    tokenizer.disablePadding();
    tokenizer.addAddedTokens(added.map(nativeToken));
    return tokenizer;
  } catch (error) {
    throw new InputError(`${file}: ${errorMessage(error)}`, { cause: error });
  }
}

function nativeToken(token: AddedTokenJson): AddedToken {
  return new AddedToken(token.content, token.special, {
    singleWord: token.single_word,
    leftStrip: token.lstrip,
    rightStrip: token.rstrip,
    normalized: token.normalized,
  });
}

/** The library's own `decode`, special tokens kept, without its detour through a thread. */
function decodeWith(tokenizer: NativeTokenizer): (ids: readonly number[]) => string {
  const decoder = tokenizer.getDecoder();
  return (ids) => {
    const tokens = ids.flatMap((id) => tokenizer.idToToken(id) ?? []);
    return decoder ? decoder.decode(tokens) : tokens.join(" ");
  };
}

async function eosTokenIds(modelDir: string, own: number | undefined): Promise<number[]> {
  const ids = own === undefined ? [] : [own];
  for (const name of ["generation_config.json", "config.json"]) {
    const eos = (await readJsonObjectIfThere(path.join(modelDir, name)))?.["eos_token_id"];
    for (const id of [eos].flat()) if (typeof id === "number") ids.push(id);
  }
  return [...new Set(ids)];
}

async function loadChatTemplate(
  dir: string,
  specialTokens: Readonly<Record<string, string>>,
): Promise<ChatTemplate | undefined> {
  const sources = await chatTemplatesOf(dir);
  return sources && new ChatTemplate(sources, specialTokens);
}
