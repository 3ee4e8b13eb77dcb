/**
 * Encoding in a process of its own, for tokenizers with patterns that the library may give up on: it does so by
 * ending the process that it runs in.
 */
import { type ChildProcess, fork } from "node:child_process";
import path from "node:path";
import { InputError } from "../util/errors.ts";
import type { AddedTokenJson } from "./special-tokens.ts";
import type { TextEncoding } from "./tokenised-text.ts";

export interface PlainEncoding {
  ids: Uint32Array;
  /** Two a token, in code points; [-1, -1] for one that a post-processor adds. */
  offsets: Int32Array;
}

export type ToEncoder =
  | { type: "open"; text: string; added: readonly AddedTokenJson[] }
  | { type: "encode"; id: number; texts: readonly string[]; addSpecialTokens: boolean };

/** Without an id, the tokenizer could not be opened. */
export type FromEncoder =
  | { type: "encoded"; id: number; encodings: readonly PlainEncoding[] }
  | { type: "failed"; id: number | undefined; message: string };

interface Pending {
  resolve: (encodings: readonly PlainEncoding[]) => void;
  reject: (error: Error) => void;
}

/** A batch of ordinary rows takes some 10 ms. */
const LIMIT_MS = 60_000;
/** It holds the whole vocabulary. */
const IDLE_MS = 5000;

export interface EncoderOptions {
  /** tokenizer.json, for messages. */
  file: string;
  text: string;
  added: readonly AddedTokenJson[];
  /** For messages. */
  patterns: readonly string[];
  /** How long it may go without an answer. */
  limitMs?: number;
}

export class Encoder {
  readonly #options: EncoderOptions;
  readonly #pending = new Map<number, Pending>();
  #child: ChildProcess | undefined;
  #timer: NodeJS.Timeout | undefined;
  #nextId = 0;

  constructor(options: EncoderOptions) {
    this.#options = options;
  }

  /** @throws InputError naming file and patterns when the process dies or takes too long */
  encode(texts: readonly string[], addSpecialTokens: boolean): Promise<readonly TextEncoding[]> {
    const id = this.#nextId++;
    const answered = new Promise<readonly PlainEncoding[]>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
    });
    this.#child ??= this.#start();
    this.#send(this.#child, { type: "encode", id, texts, addSpecialTokens });
    if (this.#pending.size === 1) this.#watch();
    return answered.then((encodings) => encodings.map((each) => new OffsetEncoding(each)));
  }

  #start(): ChildProcess {
    const isBundled = Boolean(process.env["RETUNE_BUNDLED"]);
    const name = isBundled ? "encoder-process.cjs" : "encoder-process.ts";
    const child = fork(path.join(import.meta.dirname, name), [], {
      serialization: "advanced",
      // The library writes a stack of its own when it gives up.
      stdio: ["ignore", "ignore", "ignore", "ipc"],
      execArgv: isBundled ? [] : ["--import", "tsx"],
    });
    child.on("message", (message: FromEncoder) => this.#receive(message));
    child.once("error", (error) => this.#end(child, `could not be run: ${error.message}`));
    child.once("exit", (code, signal) => {
      this.#end(child, `broke down on a text (${signal ?? `exit ${code}`})`);
    });
    const { text, added } = this.#options;
    this.#send(child, { type: "open", text, added });
    return child;
  }

  #send(child: ChildProcess, message: ToEncoder): void {
    // A process that is gone is told by its exit.
    child.send(message, () => {});
  }

  #receive(message: FromEncoder): void {
    const ids = message.id === undefined ? [...this.#pending.keys()] : [message.id];
    for (const id of ids) {
      const pending = this.#pending.get(id);
      this.#pending.delete(id);
      if (message.type === "encoded") pending?.resolve(message.encodings);
      else pending?.reject(new InputError(`${this.#options.file}: ${message.message}`));
    }
    this.#watch();
  }

  /** The process keeps this one alive while it has something to do, and ends when it has not for a while. */
  #watch(): void {
    clearTimeout(this.#timer);
    const child = this.#child;
    if (!child) return;
    if (this.#pending.size > 0) {
      child.ref();
      child.channel?.ref();
      const { limitMs = LIMIT_MS } = this.#options;
      const late = `was not done with a batch of texts after ${limitMs / 1000} s`;
      this.#timer = setTimeout(() => this.#end(child, late), limitMs);
    } else {
      child.unref();
      child.channel?.unref();
      this.#timer = setTimeout(() => this.#end(child, "was not needed"), IDLE_MS).unref();
    }
  }

  #end(child: ChildProcess, what: string): void {
    child.kill("SIGKILL");
    if (this.#child !== child) return;
    this.#child = undefined;
    clearTimeout(this.#timer);
    const { file, patterns } = this.#options;
    const list = patterns.map((each) => JSON.stringify(each.slice(0, 100))).join(", ");
    const message = `${file}: the tokenizer ${what}; the cause is most likely its pattern ${list}, which a text can keep busy without end: use a tokenizer.json from a source that you trust`;
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of pending) reject(new InputError(message));
  }
}

/** Answers as the library's Encoding of one text does. */
class OffsetEncoding implements TextEncoding {
  readonly #ids: Uint32Array;
  readonly #offsets: Int32Array;

  constructor({ ids, offsets }: PlainEncoding) {
    this.#ids = ids;
    this.#offsets = offsets;
  }

  getIds(): number[] {
    return [...this.#ids.values()];
  }

  getOffsets(): number[][] {
    return Array.from(this.#ids, (_, token) => this.tokenToChars(token) ?? [0, 0]);
  }

  tokenToChars(token: number): [number, number] | null {
    const [from = -1, to = -1] = this.#offsets.subarray(2 * token, 2 * token + 2);
    return from < 0 ? null : [from, to];
  }

  charToToken(position: number): number | null {
    for (let token = 0; token < this.#ids.length; token++) {
      const [from, to] = this.tokenToChars(token) ?? [0, 0];
      if (from <= position && position < to) return token;
    }
    return null;
  }
}
