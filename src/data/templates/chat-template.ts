/**
 * Chat templates, rendered as transformers' `apply_chat_template` does: Jinja with trim_blocks and
 * lstrip_blocks (the library adds `raise_exception` and `strftime_now`), and the tokenizer's special tokens in scope.
 */
import { Template } from "@huggingface/jinja";
import { InputError, errorMessage } from "../../util/errors.ts";
import type { Message } from "../messages.ts";

export interface Rendered {
  text: string;
  /** What the template itself marks as the assistant's, [start, end) in UTF-16 units; undefined when it marks nothing. */
  spans: readonly (readonly [number, number])[] | undefined;
}

export interface RenderOptions {
  addGenerationPrompt?: boolean;
  tools?: unknown;
}

/** Private-use characters that stand for the borders of a {% generation %} block while rendering. */
const START = "\uE0A0";
const END = "\uE0A1";

const GENERATION_TAG = /(^[ \t]+)?\{%(-?)\s*(end)?generation\s*(-?)%\}(\n)?/gmu;

/**
 * Puts a printed marker in place of each generation tag, with the white space around it treated as
 * trim_blocks and lstrip_blocks treat that of a tag.
 */
function markGeneration(source: string): string {
  return source.replace(GENERATION_TAG, (...match: (string | undefined)[]) => {
    const [, indent, trimLeft = "", end, trimRight = ""] = match;
    const marker = `{{${trimLeft} '${end ? END : START}' ${trimRight}}}`;
    return trimLeft && indent ? indent + marker : marker;
  });
}

/** A parsed template with the special tokens it may print. */
export class ChatTemplate {
  readonly #template: Template;
  readonly #marks: boolean;
  readonly #specialTokens: Readonly<Record<string, string>>;

  /** @throws InputError when the template does not parse */
  constructor(source: string, specialTokens: Readonly<Record<string, string>>) {
    this.#marks = /\{%-?\s*generation\b/u.test(source);
    this.#specialTokens = specialTokens;
    try {
      this.#template = new Template(this.#marks ? markGeneration(source) : source);
    } catch (error) {
      throw new InputError(`the model's chat template does not parse: ${errorMessage(error)}`, {
        cause: error,
      });
    }
  }

  /** @throws InputError with what the template itself complains about */
  render(messages: readonly Message[], options: RenderOptions = {}): Rendered {
    const { addGenerationPrompt = false, tools = null } = options;
    let text: string;
    try {
      text = this.#template.render({
        ...this.#specialTokens,
        messages: messages.map((message) => ({ ...message })),
        add_generation_prompt: addGenerationPrompt,
        tools,
        documents: null,
      });
    } catch (error) {
      throw new InputError(`the model's chat template refuses: ${errorMessage(error)}`, {
        cause: error,
      });
    }
    return this.#marks ? takeSpans(text) : { text, spans: undefined };
  }

  /**
   * What a model is asked to go on from: the messages and the start of an answer.
   * @throws InputError with what the template itself complains about
   */
  async renderPrompt(messages: readonly Message[], tools?: unknown): Promise<string> {
    return this.render(messages, { tools, addGenerationPrompt: true }).text;
  }

  /** Ends the thread that renders; the next rendering starts another. */
  async close(): Promise<void> {}
}

function takeSpans(marked: string): Rendered {
  const spans: [number, number][] = [];
  let text = "";
  let start = 0;
  for (const part of marked.split(/([\uE0A0\uE0A1])/u)) {
    if (part === START) start = text.length;
    else if (part === END) spans.push([start, text.length]);
    else text += part;
  }
  return { text, spans };
}
