/**
 * A chat template rendered by a library of JavaScript, in microseconds and without starting Python. It prints
 * other text than Jinja for many templates, so only those are taken that `test/oracle/proven-templates.ts`
 * has found equal to transformers, and only rows like those it tried.
 */
import { createHash } from "node:crypto";
import { Template } from "@huggingface/jinja";
import type { TemplateSources } from "../../util/chat-template-file.ts";
import { type JsonObject, isJsonObject } from "../../util/json.ts";
import { type RenderedRow, type RenderedTurn, type Span, placedAnswers } from "./answer-spans.ts";
import { type Answers, messagesOf } from "./answers.ts";
import { PROVEN_TEMPLATES } from "./proven-templates.ts";

type Variables = Readonly<Record<string, string>>;

/** Noncharacters that stand for the borders of a {% generation %} block while rendering. */
const START = "\uFDD0";
const END = "\uFDD1";

const GENERATION_TAG = /\{%([-+]?)(\s*)(end)?generation(?=\s*[-+]?%\})/gu;

/** Among the former, what Python strips and JavaScript does not, or the other way round; the borders; halves of a character. */
const ODD_TEXT = /(?![\t\n\r])\p{Control}|[\uFEFF\uFDD0\uFDD1\p{Surrogate}]/u;

/** A template may take time with the square of its messages, and this runs on the thread that asks. */
const MAX_MESSAGES = 64;

/** What a message may have. */
const KEYS = new Set(["role", "content", "weight", "train"]);

export class QuickTemplate {
  readonly #template: Template;
  /** One object for all rows: making it took longer than some renderings. */
  readonly #scope: Record<string, unknown>;
  readonly #marks: boolean;

  /** For the proof. */
  constructor(source: string, variables: Variables) {
    this.#marks = GENERATION_TAG.test(source);
    GENERATION_TAG.lastIndex = 0;
    this.#template = new Template(withBorders(source));
    this.#scope = { ...variables, tools: null, documents: null };
  }

  /** Undefined for what is not proven to be rendered as Jinja renders it. */
  static of(byName: TemplateSources["byName"], variables: Variables): QuickTemplate | undefined {
    const source = byName["default"];
    if (source === undefined || !isProven(source)) return undefined;
    if (Object.values(variables).some((text) => ODD_TEXT.test(text))) return undefined;
    return new QuickTemplate(source, variables);
  }

  /**
   * @param answers null where the row asks for one
   * @returns undefined for a row that only Jinja can be asked about
   */
  render(row: JsonObject, answers: Answers | null): RenderedRow | undefined {
    const messages = isOrdinary(row) ? ordinaryMessages(row) : undefined;
    if (!messages) return undefined;
    try {
      if (!answers) return { ...NO_ANSWERS, text: this.#text(messages, true) };
      const { text, marked } = this.#marked(messages);
      const { begin } = answers;
      const prompt = begin > 0 ? this.#text(messages.slice(0, begin), true) : null;
      const places = placedAnswers(answers, marked !== null);
      const turns = places.map((index) => this.#turn(messages, index));
      return { text, marked, prompt, turns };
    } catch {
      // Jinja says what is wrong.
      return undefined;
    }
  }

  #turn(messages: readonly object[], index: number): RenderedTurn {
    const isLast = index === messages.length - 1;
    const end = isLast ? null : this.#text(messages.slice(0, index + 1), false);
    return { end, asked: this.#text(messages.slice(0, index), true) };
  }

  #marked(messages: readonly object[]): Pick<RenderedRow, "text" | "marked"> {
    const bordered = this.#bordered(messages, false);
    return this.#marks ? takeBorders(bordered) : { text: bordered, marked: null };
  }

  #text(messages: readonly object[], ask: boolean): string {
    const bordered = this.#bordered(messages, ask);
    return this.#marks ? takeBorders(bordered).text : bordered;
  }

  #bordered(messages: readonly object[], ask: boolean): string {
    this.#scope["messages"] = messages;
    this.#scope["add_generation_prompt"] = ask;
    return this.#template.render(this.#scope);
  }
}

const NO_ANSWERS = { marked: null, prompt: null, turns: [] };

/** Whether rows like this one are rendered without Python. */
export function isQuick({ byName }: TemplateSources, row: JsonObject): boolean {
  const source = byName["default"];
  if (source === undefined || !isProven(source)) return false;
  return isOrdinary(row) && ordinaryMessages(row) !== undefined;
}

function isProven(source: string): boolean {
  return Object.hasOwn(PROVEN_TEMPLATES, createHash("sha256").update(source).digest("hex"));
}

/** Without what may choose another template or is shown to it. */
function isOrdinary({ tools, chat_template_kwargs }: JsonObject): boolean {
  return tools == null && chat_template_kwargs == null;
}

function ordinaryMessages(row: JsonObject): readonly object[] | undefined {
  const { messages } = messagesOf(row);
  const isShort = messages.length > 0 && messages.length <= MAX_MESSAGES;
  return isShort && messages.every(isOrdinaryMessage) ? messages : undefined;
}

function isOrdinaryMessage(message: unknown): boolean {
  if (!isJsonObject(message)) return false;
  const { role, content } = message;
  const isText = (value: unknown): boolean => typeof value === "string" && !ODD_TEXT.test(value);
  const isShown = ([key, value]: [string, unknown]): boolean => KEYS.has(key) && value !== null;
  return isText(role) && isText(content) && Object.entries(message).every(isShown);
}

/** Prints a border in place of each generation tag, in a tag that takes its white space. */
function withBorders(source: string): string {
  return source.replaceAll(GENERATION_TAG, (tag, trim: string, _space, isEnd?: string) => {
    return `{%${trim} if true %}${isEnd ? END : START}{% endif %}{%${tag.slice(2 + trim.length)}`;
  });
}

function takeBorders(bordered: string): { text: string; marked: readonly Span[] } {
  const marked: [number, number][] = [];
  let [text, start] = ["", 0];
  for (const part of bordered.split(/([\uFDD0\uFDD1])/u)) {
    if (part === START) start = text.length;
    else if (part === END) marked.push([start, text.length]);
    else text += part;
  }
  return { text, marked };
}
