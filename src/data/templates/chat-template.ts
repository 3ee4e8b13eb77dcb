/**
 * A model's chat templates, rendered as transformers' `apply_chat_template` does: by Jinja itself, with
 * the tokenizer's special tokens in scope.
 */
import { readFile, readdir } from "node:fs/promises";
import path from "node:path";
import { InputError, hasCode } from "../../util/errors.ts";
import { type Rendering, type TemplateThreads, templateThreads } from "./template-threads.ts";

export interface TemplateSources {
  /** Where they are from, for messages. */
  file: string;
  /** "default", and "tool_use" for rows with tools where there is one. */
  byName: Readonly<Record<string, string>>;
}

/** Rendered at once: so few are done long before a thread's time is up. */
const ROWS_AT_ONCE = 64;

export class ChatTemplate {
  readonly #file: string;
  readonly #job: { sources: Readonly<Record<string, string>>; variables: object };
  readonly #threads: TemplateThreads;

  constructor(
    { file, byName }: TemplateSources,
    specialTokens: Readonly<Record<string, string>>,
    threads = templateThreads,
  ) {
    this.#file = file;
    this.#job = { sources: byName, variables: specialTokens };
    this.#threads = threads;
  }

  /**
   * @param rows JSON objects with messages, or with lists prompt and completion; maybe with tools
   * @returns in order, an InputError naming the template's file where it does not take the row
   */
  async renderRows(rows: readonly string[]): Promise<(Exclude<Rendering, string> | InputError)[]> {
    const parts: Promise<(Rendering | InputError)[]>[] = [];
    for (let from = 0; from < rows.length; from += ROWS_AT_ONCE) {
      const some = rows.slice(from, from + ROWS_AT_ONCE);
      parts.push(
        this.#render(some, false).catch((error: unknown) => some.map(() => asInput(error))),
      );
    }
    return (await Promise.all(parts)).flat().map((rendering) => {
      if (typeof rendering === "string") return this.#refusal(rendering);
      return rendering instanceof InputError ? this.#refusal(rendering.message) : rendering;
    });
  }

  /**
   * What a model is asked to go on from: the messages and the start of an answer.
   * @throws InputError with what the template itself complains about
   */
  async renderPrompt(messages: readonly object[], tools?: unknown): Promise<string> {
    const rows = [JSON.stringify({ messages, ...(tools == null ? {} : { tools }) })];
    const [rendering] = await this.#render(rows, true).catch((error: unknown) => [
      asInput(error).message,
    ]);
    if (Array.isArray(rendering)) return rendering[0];
    throw this.#refusal(rendering ?? "");
  }

  /** Starts what renders, so that it is ready sooner. */
  warm(): void {
    this.#threads.warm();
  }

  /** Ends what renders and gives its memory back; the next rendering starts it anew. */
  async close(): Promise<void> {
    await this.#threads.close();
  }

  #render(rows: readonly string[], ask: boolean): Promise<Rendering[]> {
    return this.#threads.render({ job: JSON.stringify({ ...this.#job, ask }), rows });
  }

  #refusal(what: string): InputError {
    return new InputError(`${what} (${this.#file})`);
  }
}

/** Whatever is no fault of template or row is thrown on. */
function asInput(error: unknown): InputError {
  if (error instanceof InputError) return error;
  throw error;
}

/**
 * chat_template.jinja and additional_chat_templates/, or what tokenizer_config.json holds: one
 * template, or several by name. Files go before the config, as in transformers.
 * @throws InputError naming a file that can't be read
 */
export async function readTemplateSources(
  modelDir: string,
  config: Readonly<Record<string, unknown>>,
): Promise<TemplateSources | undefined> {
  const file = path.join(modelDir, "chat_template.jinja");
  const byName: Record<string, string> = {};
  const main = await readTemplate(file);
  if (main !== undefined) byName["default"] = main;
  const folder = path.join(modelDir, ADDITIONAL);
  for (const name of await listTemplates(folder)) {
    const more = await readTemplate(path.join(folder, name));
    if (more !== undefined) byName[name.slice(0, -SUFFIX.length)] = more;
  }
  if (Object.keys(byName).length > 0) return { file, byName };
  const own = namedTemplates(config["chat_template"]);
  return own && { file: path.join(modelDir, "tokenizer_config.json"), byName: own };
}

const ADDITIONAL = "additional_chat_templates";
const SUFFIX = ".jinja";

async function listTemplates(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => name.endsWith(SUFFIX)).toSorted();
  } catch (error) {
    if (hasCode(error, "ENOENT") || hasCode(error, "ENOTDIR")) return [];
    throw error;
  }
}

/** As Python reads text: every line ends with a line feed. */
async function readTemplate(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, "utf8")).replaceAll(/\r\n?/gu, "\n");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw new InputError(`${file}: ${String(error)}`, { cause: error });
  }
}

function namedTemplates(value: unknown): Record<string, string> | undefined {
  if (typeof value === "string") return { default: value };
  if (!Array.isArray(value)) return undefined;
  const named = value.flatMap((each: unknown): [string, string][] => {
    if (typeof each !== "object" || each === null) return [];
    const { name, template } = each as Record<string, unknown>;
    return typeof name === "string" && typeof template === "string" ? [[name, template]] : [];
  });
  return named.length === 0 ? undefined : Object.fromEntries(named);
}
