/**
 * A model's chat templates, rendered as transformers' `apply_chat_template` does: by Jinja itself, with
 * the tokenizer's special tokens in scope.
 */
import type { TemplateSources } from "../../util/chat-template-file.ts";
import { InputError } from "../../util/errors.ts";
import { SHARE_GPT_ROLES } from "../share-gpt.ts";
import { type Rendering, type TemplateThreads, templateThreads } from "./template-threads.ts";

/** Rendered at once: so few are done long before a thread's time is up. */
const ROWS_AT_ONCE = 64;

export class ChatTemplate {
  readonly #file: string;
  readonly #job: object;
  readonly #threads: TemplateThreads;

  constructor(
    { file, byName }: TemplateSources,
    specialTokens: Readonly<Record<string, string>>,
    threads = templateThreads,
  ) {
    this.#file = file;
    this.#job = { sources: byName, variables: specialTokens, roles: SHARE_GPT_ROLES };
    this.#threads = threads;
  }

  /**
   * @param rows JSON objects with messages, or with lists prompt and completion; maybe with tools
   * @returns in order, an InputError naming the template's file where it does not take the row
   */
  async renderRows(rows: readonly string[]): Promise<(Exclude<Rendering, string> | InputError)[]> {
    const parts: Promise<Rendering[]>[] = [];
    for (let from = 0; from < rows.length; from += ROWS_AT_ONCE) {
      parts.push(this.#render(rows.slice(from, from + ROWS_AT_ONCE), false));
    }
    const renderings = (await Promise.all(parts)).flat();
    return renderings.map((each) => (typeof each === "string" ? this.#refusal(each) : each));
  }

  /**
   * What a model is asked to go on from: the messages and the start of an answer.
   * @throws InputError with what the template itself complains about
   */
  async renderPrompt(messages: readonly object[], tools?: unknown): Promise<string> {
    const rows = [JSON.stringify({ messages, ...(tools == null ? {} : { tools }) })];
    const [rendering] = await this.#render(rows, true);
    if (Array.isArray(rendering)) return rendering[0];
    throw this.#refusal(rendering ?? "");
  }

  /** Starts what renders, which takes a while, when rows are sure to come. */
  start(): void {
    this.#threads.start();
  }

  /** Ends what this template renders and gives the memory back; the next rendering starts it anew. */
  async close(): Promise<void> {
    await this.#threads.close(this);
  }

  /** An InputError of the thread is what is wrong with each row; what is no fault of template or row is thrown on. */
  #render(rows: readonly string[], ask: boolean): Promise<Rendering[]> {
    const batch = { job: JSON.stringify({ ...this.#job, ask }), rows };
    return this.#threads.render(batch, this).catch((error: unknown) => {
      if (!(error instanceof InputError)) throw error;
      return rows.map(() => error.message);
    });
  }

  #refusal(what: string): InputError {
    return new InputError(`${what} (${this.#file})`);
  }
}
