import type { Tokenizer } from "./tokenizer.ts";

/** Turns ids that arrive one by one into text that never shows half a character. */
export class StreamDecoder {
  readonly #tokenizer: Tokenizer;
  readonly #utf8 = new TextDecoder("utf-8");
  readonly #ids: number[] = [];
  #shown = 0;

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  /** Text that this id completes; empty while a character is still incomplete. */
  push(id: number): string {
    const { bytesOf } = this.#tokenizer;
    if (bytesOf) return this.#utf8.decode(bytesOf(id), { stream: true });
    this.#ids.push(id);
    const text = this.#tokenizer.decode(this.#ids);
    if (text.endsWith("\uFFFD")) return "";
    const fresh = text.slice(this.#shown);
    this.#shown = text.length;
    return fresh;
  }

  /** What is left at the end, with a replacement character for an incomplete one. */
  end(): string {
    return this.#utf8.decode();
  }
}
