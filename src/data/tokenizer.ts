/** A model folder's tokenizer: tokenizer.json and tokenizer_config.json as transformers 4 and 5 write them. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { Tokenizer as HfTokenizer } from "@huggingface/tokenizers";
import { InputError, errorMessage, hasCode } from "../util/errors.ts";
import { type JsonObject, readJsonObjectIfThere } from "../util/json.ts";
import { ChatTemplate } from "./templates/chat-template.ts";
import { type TokenBytes, tokenBytes } from "./token-bytes.ts";

export interface Tokenizer {
  /** @param options.addSpecialTokens whether BOS and the like are added as the tokenizer is set up to; default true */
  encode(text: string, options?: { addSpecialTokens?: boolean }): number[];
  decode(ids: readonly number[], options?: { skipSpecialTokens?: boolean }): string;
  /** The UTF-8 bytes a token stands for; undefined when this kind of tokenizer does not tell. */
  bytesOf: TokenBytes | undefined;
  bosTokenId: number | undefined;
  /** The tokens that end an answer, from config files; the first is the tokenizer's own. */
  eosTokenIds: readonly number[];
  chatTemplate: ChatTemplate | undefined;
  /** Ids are below this. */
  vocabSize: number;
}

/** A special token is text, or an object that holds it. */
function tokenText(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "object" && value !== null && "content" in value) {
    return typeof value.content === "string" ? value.content : undefined;
  }
  return undefined;
}

/** @throws InputError naming the file that is missing or broken */
export async function loadTokenizer(modelDir: string): Promise<Tokenizer> {
  const file = path.join(modelDir, "tokenizer.json");
  const json = await readJsonObjectIfThere(file);
  if (!json) {
    throw new InputError(`${modelDir} has no tokenizer.json; a fast tokenizer is needed`);
  }
  const config = (await readJsonObjectIfThere(path.join(modelDir, "tokenizer_config.json"))) ?? {};
  const tokenizer = makeTokenizer(json, config, file);
  const idOf = (value: unknown): number | undefined => {
    const text = tokenText(value);
    return text === undefined ? undefined : tokenizer.token_to_id(text);
  };
  const vocabulary = tokenizer.get_vocab(true);
  return {
    encode: (text, { addSpecialTokens = true } = {}) =>
      tokenizer.encode(text, { add_special_tokens: addSpecialTokens }).ids,
    decode: (ids, { skipSpecialTokens = false } = {}) =>
      ids.length === 0
        ? ""
        : tokenizer.decode([...ids], {
            skip_special_tokens: skipSpecialTokens,
            clean_up_tokenization_spaces: false,
          }),
    bytesOf: tokenBytes(json, tokenizer),
    bosTokenId: idOf(config["bos_token"]),
    eosTokenIds: await eosTokenIds(modelDir, idOf(config["eos_token"])),
    chatTemplate: await loadChatTemplate(modelDir, config),
    vocabSize: Math.max(...vocabulary.values()) + 1,
  };
}

function makeTokenizer(json: JsonObject, config: JsonObject, file: string): HfTokenizer {
  try {
    return new HfTokenizer(json, config);
  } catch (error) {
    throw new InputError(`${file}: ${errorMessage(error)}`, { cause: error });
  }
}

async function eosTokenIds(modelDir: string, own: number | undefined): Promise<number[]> {
  const ids = own === undefined ? [] : [own];
  for (const name of ["generation_config.json", "config.json"]) {
    const eos = (await readJsonObjectIfThere(path.join(modelDir, name)))?.["eos_token_id"];
    ids.push(...[eos].flat().filter((id) => typeof id === "number"));
  }
  return [...new Set(ids)];
}

async function loadChatTemplate(
  modelDir: string,
  config: JsonObject,
): Promise<ChatTemplate | undefined> {
  const beside = await readFile(path.join(modelDir, "chat_template.jinja"), "utf8").catch(
    (error: unknown) => {
      if (hasCode(error, "ENOENT")) return undefined;
      throw error;
    },
  );
  const source = beside ?? templateOf(config["chat_template"]);
  if (source === undefined) return undefined;
  const special = Object.entries(config).flatMap(([key, value]): [string, string][] => {
    const text = key.endsWith("_token") ? tokenText(value) : undefined;
    return text === undefined ? [] : [[key, text]];
  });
  return new ChatTemplate(source, Object.fromEntries(special));
}

/** A config holds one template, or several by name of which "default" is meant. */
function templateOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) return undefined;
  const named = value.find(
    (each: unknown): each is { template: string } =>
      typeof each === "object" && each !== null && "name" in each && each.name === "default",
  );
  return named?.template;
}
