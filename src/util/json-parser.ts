/** JSON as Python's json reads it, character by character: for what JSON.parse can't tell or doesn't take. */
import { InputError } from "./errors.ts";

export interface SlowOptions {
  name: string;
  maxDepth: number;
  firstLine: number;
  number?: (text: string) => unknown;
}

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /-?[A-Za-z]+/y;
const WORDS = new Map<string, unknown>([
  ["true", true],
  ["false", false],
  ["null", null],
]);
/** Python writes them, and reads them. */
const NON_FINITE = new Map([
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
]);

/** The place of the closing quote of a text whose opening one is at `start`; negative when there is none. */
export function endOfString(text: string, start: number): number {
  let end = start;
  for (;;) {
    end = text.indexOf('"', end + 1);
    if (end < 0) return end;
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === 0x5c) backslashes++;
    if (backslashes % 2 === 0) return end;
  }
}

/** @throws InputError with line and column */
export function parseSlowly(text: string, options: SlowOptions): unknown {
  return new SlowParser(text, options).parse();
}

class SlowParser {
  readonly #text: string;
  readonly #options: SlowOptions;
  #at = 0;
  #depth = 0;

  constructor(text: string, options: SlowOptions) {
    this.#text = text;
    this.#options = options;
  }

  parse(): unknown {
    this.#match(SPACE);
    const value = this.#value();
    this.#match(SPACE);
    if (this.#at < this.#text.length) throw this.#unexpected("the end");
    return value;
  }

  #value(): unknown {
    const first = this.#text[this.#at];
    if (first === "{") return this.#nested(() => this.#object());
    if (first === "[") return this.#nested(() => this.#array());
    if (first === '"') return this.#string();
    const start = this.#at;
    const word = this.#match(WORD);
    if (word !== undefined) {
      if (WORDS.has(word)) return WORDS.get(word);
      const value = NON_FINITE.get(word);
      if (value !== undefined) return this.#options.number?.(word) ?? value;
      this.#at = start;
    }
    const number = this.#match(NUMBER);
    if (number === undefined) throw this.#unexpected("a value");
    return this.#options.number ? this.#options.number(number) : Number(number);
  }

  #nested<T>(read: () => T): T {
    if (++this.#depth > this.#options.maxDepth) {
      throw this.#error(`nested deeper than ${this.#options.maxDepth} levels`);
    }
    this.#at++;
    const value = read();
    this.#depth--;
    return value;
  }

  #object(): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    this.#match(SPACE);
    if (this.#take("}")) return object;
    for (;;) {
      if (this.#text[this.#at] !== '"') throw this.#unexpected("a key in quotes");
      const key = this.#string();
      this.#match(SPACE);
      if (!this.#take(":")) throw this.#unexpected('":"');
      this.#match(SPACE);
      const value = this.#value();
      // An assignment to "__proto__" would set no key.
      Object.defineProperty(object, key, {
        value,
        configurable: true,
        enumerable: true,
        writable: true,
      });
      this.#match(SPACE);
      if (this.#take("}")) return object;
      if (!this.#take(",")) throw this.#unexpected('"," or "}"');
      this.#match(SPACE);
    }
  }

  #array(): unknown[] {
    const values: unknown[] = [];
    this.#match(SPACE);
    if (this.#take("]")) return values;
    for (;;) {
      values.push(this.#value());
      this.#match(SPACE);
      if (this.#take("]")) return values;
      if (!this.#take(",")) throw this.#unexpected('"," or "]"');
      this.#match(SPACE);
    }
  }

  #string(): string {
    const end = endOfString(this.#text, this.#at);
    if (end < 0) throw this.#error("a text that does not end");
    try {
      const text = JSON.parse(this.#text.slice(this.#at, end + 1)) as string;
      this.#at = end + 1;
      return text;
    } catch {
      throw this.#error("a text with a line break, a control character or a wrong escape in it");
    }
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }

  #take(character: string): boolean {
    const isThere = this.#text[this.#at] === character;
    if (isThere) this.#at++;
    return isThere;
  }

  #unexpected(expected: string): InputError {
    const code = this.#text.codePointAt(this.#at);
    const found = code === undefined ? "the end" : JSON.stringify(String.fromCodePoint(code));
    return this.#error(`expected ${expected}, found ${found}`);
  }

  #error(problem: string): InputError {
    const before = this.#text.slice(0, this.#at);
    const start = before.lastIndexOf("\n") + 1;
    const line = this.#options.firstLine + before.split("\n").length - 1;
    const column = this.#at - start + 1;
    return new InputError(`${this.#options.name}:${line}:${column}: not valid JSON: ${problem}`);
  }
}
