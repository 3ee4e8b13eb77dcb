import type { Tokenizer } from "./tokenizer.ts";

/** What decoding shows of a character whose last bytes are still to come. */
const INCOMPLETE = "\uFFFD";

/**
 * Turns ids that arrive one by one into text that never shows half a character. Tokens are decoded
 * behind the ones before them, since a decoder treats the first of a text in its own way
 * (SentencePiece drops its space).
 */
export class StreamDecoder {
  readonly #decode: Tokenizer["decode"];
  /** The last shown tokens, and behind them those that are not shown yet. */
  #ids: number[] = [];
  #shownIds = 0;
  /** Text of the shown ones. */
  #shown = "";

  constructor({ decode }: Pick<Tokenizer, "decode">) {
    this.#decode = decode;
  }

  /** Text that this id completes; empty while a character is still incomplete. */
  push(id: number): string {
    this.#ids.push(id);
    const text = this.#decode(this.#ids);
    if (text.length <= this.#shown.length || text.endsWith(INCOMPLETE)) return "";
    const fresh = text.slice(this.#shown.length);
    this.#ids = this.#ids.slice(this.#shownIds);
    this.#shownIds = this.#ids.length;
    this.#shown = this.#decode(this.#ids);
    return fresh;
  }

  /** What is left at the end, with a replacement character for an incomplete one. */
  end(): string {
    return this.#decode(this.#ids).slice(this.#shown.length);
  }
}
