/**
 * A model's chat templates, rendered as transformers' `apply_chat_template` does: by Jinja itself, with
 * the tokenizer's special tokens in scope; by a library of JavaScript where it is proven to print the same.
 */
import type { TemplateSources } from "../../util/chat-template-file.ts";
import { InputError } from "../../util/errors.ts";
import { SHARE_GPT_ROLES } from "../share-gpt.ts";
import { type AnswerSpans, answerSpans } from "./answer-spans.ts";
import { type Answers, type ChatRow, answersOf, messagesOf } from "./answers.ts";
import { QuickTemplate } from "./quick-template.ts";
import { type Rendering, type TemplateThreads, templateThreads } from "./template-threads.ts";

/** Rendered at once: so few are done long before a thread's time is up. */
const ROWS_AT_ONCE = 64;

/** A row's text, and what is trained of it. */
export interface MaskedText extends AnswerSpans {
  text: string;
}

/** A row, and its answers; without, it asks for one. */
interface Request {
  row: ChatRow;
  answers: Answers | null;
}

export class ChatTemplate {
  readonly #file: string;
  readonly #job: string;
  readonly #threads: TemplateThreads;
  readonly #quick: QuickTemplate | undefined;

  constructor(
    { file, byName }: TemplateSources,
    specialTokens: Readonly<Record<string, string>>,
    threads = templateThreads,
  ) {
    this.#file = file;
    const job = { sources: byName, variables: specialTokens, roles: SHARE_GPT_ROLES };
    this.#job = JSON.stringify(job);
    this.#threads = threads;
    this.#quick = QuickTemplate.of(byName, specialTokens);
  }

  /**
   * @param rows with messages, with conversations, or with lists prompt and completion; maybe with tools
   * @returns in order, an InputError naming the template's file where it does not take the row
   */
  async renderRows(rows: readonly ChatRow[]): Promise<(MaskedText | InputError)[]> {
    const read = rows.map(({ value }) => messagesOf(value));
    const answers = read.map((each) => answersOf(each));
    const rendered = await this.#render(
      rows.map((row, index) => ({ row, answers: answers[index] ?? null })),
    );
    return rendered.map((each, index) => {
      const [own, { messages = [] } = {}] = [answers[index], read[index]];
      if (typeof each === "string" || !own) return this.#refusal(String(each));
      return { text: each.text, ...answerSpans(each, own, messages) };
    });
  }

  /**
   * What a model is asked to go on from: the messages and the start of an answer.
   * @throws InputError with what the template itself complains about
   */
  async renderPrompt(messages: readonly object[], tools?: unknown): Promise<string> {
    const value = { messages, ...(tools == null ? {} : { tools }) };
    const row = { value, json: JSON.stringify(value) };
    const [rendering] = await this.#render([{ row, answers: null }]);
    if (typeof rendering === "object") return rendering.text;
    throw this.#refusal(rendering ?? "");
  }

  /** Ends what this template renders and gives the memory back; the next rendering starts it anew. */
  async close(): Promise<void> {
    await this.#threads.close(this);
  }

  async #render(requests: readonly Request[]): Promise<Rendering[]> {
    const quick = requests.map(({ row, answers }) => this.#quick?.render(row.value, answers));
    const others = requests.filter((_, index) => !quick[index]);
    const parts: Promise<Rendering[]>[] = [];
    for (let from = 0; from < others.length; from += ROWS_AT_ONCE) {
      parts.push(this.#renderByJinja(others.slice(from, from + ROWS_AT_ONCE)));
    }
    const rendered = (await Promise.all(parts)).flat().values();
    return quick.map((each) => each ?? rendered.next().value ?? "");
  }

  /** An InputError of the thread is what is wrong with each row; what is no fault of template or row is thrown on. */
  #renderByJinja(requests: readonly Request[]): Promise<Rendering[]> {
    const rows = requests.map(({ row }) => row.json);
    const answers = JSON.stringify(requests.map((each) => each.answers));
    const batch = { job: this.#job, rows, answers };
    return this.#threads.render(batch, this).catch((error: unknown) => {
      if (!(error instanceof InputError)) throw error;
      return rows.map(() => error.message);
    });
  }

  #refusal(what: string): InputError {
    return new InputError(`${what} (${this.#file})`);
  }
}
