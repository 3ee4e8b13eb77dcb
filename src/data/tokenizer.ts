/**
 * A model folder's tokenizer: tokenizer.json by the library that defines it, and the files beside it as
 * transformers 4 and 5 write them.
 */
import path from "node:path";
import type { Tokenizer as NativeTokenizer } from "tokenizers";
import { InputError, errorMessage } from "../util/errors.ts";
import {
  type JsonObject,
  parseJsonObject,
  readJsonObjectIfThere,
  readJsonTextIfThere,
} from "../util/json.ts";
import { chatTemplatesOf } from "../util/chat-template-file.ts";
import { collectYoung } from "../util/collect-young.ts";
import { Encoder } from "./encoder.ts";
import { makeTokenizer } from "./native-tokenizer.ts";
import { isPlainPattern, patternsOf } from "./plain-patterns.ts";
import { type AddedTokenJson, readSpecialTokens } from "./special-tokens.ts";
import { ChatTemplate } from "./templates/chat-template.ts";
import { type TextEncoding, TokenisedText } from "./tokenised-text.ts";

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
 * @param place where tokenizer and template are, if not in the model's folder (adapter-files/tokenizer-place.ts)
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
  const json = (name: string): Promise<JsonObject | undefined> =>
    readJsonObjectIfThere(path.join(tokenizerDir, name));
  const config = (await json("tokenizer_config.json")) ?? {};
  const own = parseJsonObject(text, file);
  const { named, added } = readSpecialTokens({
    modelDir: tokenizerDir,
    tokenizer: own,
    config,
    map: await json("special_tokens_map.json"),
    ids: await json("added_tokens.json"),
  });
  const { tokenizer, encode } = openTokenizer({ file, text, own, added });
  let held = 0;
  const encodeBatch: Tokenizer["encodeBatch"] = async (texts, options = {}) => {
    if (held > COLLECTED_TOKENS) {
      collectYoung();
      held = 0;
    }
    const encodings = await encode(texts, options.addSpecialTokens ?? true);
    return encodings.map((encoding, index) => {
      const tokens = new TokenisedText(texts[index] ?? "", encoding);
      held += tokens.ids.length;
      return tokens;
    });
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

interface TokenizerFile {
  file: string;
  text: string;
  /** What the text says. */
  own: JsonObject;
  added: readonly AddedTokenJson[];
}

interface OpenTokenizer {
  tokenizer: NativeTokenizer;
  /** @throws InputError naming the file */
  encode: (texts: readonly string[], addSpecialTokens: boolean) => Promise<readonly TextEncoding[]>;
}

/** @throws InputError naming the file that the library refuses, or a pattern that decoding can't be given */
function openTokenizer({ file, text, own, added }: TokenizerFile): OpenTokenizer {
  const refused = (error: unknown): InputError =>
    new InputError(`${file}: ${errorMessage(error)}`, { cause: error });
  const isOdd = (pattern: string): boolean => !isPlainPattern(pattern);
  const oddDecoder = patternsOf([own["decoder"], own["post_processor"]]).find(isOdd);
  if (oddDecoder !== undefined) {
    throw new InputError(
      `${file}: the decoder's pattern ${JSON.stringify(oddDecoder.slice(0, 100))} could keep a text busy without end; only simple ones are supported there`,
    );
  }
  const patterns = patternsOf([own["normalizer"], own["pre_tokenizer"]]).filter(isOdd);
  try {
    if (patterns.length > 0) {
      const encoder = new Encoder({ file, text, added, patterns });
      // Added tokens are normalised as soon as they are known; ids and decoding need neither part.
      const rest = JSON.stringify({ ...own, normalizer: null, pre_tokenizer: null });
      return {
        tokenizer: makeTokenizer(rest, added),
        encode: (texts, addSpecialTokens) => encoder.encode(texts, addSpecialTokens),
      };
    }
    const tokenizer = makeTokenizer(text, added);
    return {
      tokenizer,
      encode: (texts, addSpecialTokens) =>
        // A text for which it has no token, not even one for unknown ones.
        tokenizer.encodeBatch([...texts], { addSpecialTokens }).catch((error: unknown) => {
          throw refused(error);
        }),
    };
  } catch (error) {
    throw refused(error);
  }
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
