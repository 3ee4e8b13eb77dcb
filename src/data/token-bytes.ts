/**
 * Which UTF-8 bytes each token stands for. Needed twice: to know which tokens make up a span of
 * text (the tokenizer library gives no offsets), and to print generated text only at whole
 * characters.
 */
import type { Tokenizer as HfTokenizer } from "@huggingface/tokenizers";

/** The bytes of a token id; empty for an id that stands for no text. */
export type TokenBytes = (id: number) => Uint8Array;

type Json = Readonly<Record<string, unknown>>;

/** GPT-2's printable stand-ins: bytes that print stand for themselves, the others follow from U+0100. */
function byteAlphabet(): Map<string, number> {
  const prints = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
  const alphabet = new Map<string, number>();
  let next = 0x100;
  for (let byte = 0; byte < 0x100; byte++) {
    alphabet.set(String.fromCodePoint(prints(byte) ? byte : next++), byte);
  }
  return alphabet;
}

/** Names of the steps of a decoder, sequences unfolded. */
function decoderSteps(decoder: unknown): Json[] {
  if (typeof decoder !== "object" || decoder === null) return [];
  const step = decoder as Json;
  const inner = step["decoders"];
  return Array.isArray(inner) ? inner.flatMap(decoderSteps) : [step];
}

/** @returns undefined for tokenizers that are neither byte-level nor SentencePiece with byte fallback */
export function tokenBytes(json: Json, tokenizer: HfTokenizer): TokenBytes | undefined {
  const steps = decoderSteps(json["decoder"]).map((step) => step["type"]);
  const added = tokenizer.get_added_tokens_decoder();
  const encoder = new TextEncoder();
  const plain = steps.includes("ByteLevel")
    ? byteLevel()
    : steps.includes("ByteFallback") || steps.includes("Metaspace")
      ? sentencePiece(encoder)
      : undefined;
  if (!plain) return undefined;
  return (id) => {
    const special = added.get(id);
    if (special) return encoder.encode(special.content);
    const token = tokenizer.id_to_token(id);
    return token === undefined ? new Uint8Array() : plain(token);
  };
}

function byteLevel(): (token: string) => Uint8Array {
  const alphabet = byteAlphabet();
  return (token) => Uint8Array.from(token, (character) => alphabet.get(character) ?? 0x3f);
}

function sentencePiece(encoder: TextEncoder): (token: string) => Uint8Array {
  return (token) => {
    const byte = /^<0x([0-9A-F]{2})>$/u.exec(token)?.[1];
    return byte === undefined
      ? encoder.encode(token.replaceAll("\u2581", " "))
      : Uint8Array.of(Number.parseInt(byte, 16));
  };
}
