/**
 * Regular expressions from files and recipes, in Python's syntax: PEFT's and mergekit's are Python's. They run on
 * RE2's algorithm, in time linear in the text, so that none can stall whoever reads it. What that
 * algorithm can't do (look-around, back references; PEFT users do exclude modules by `(?!…)`) runs on
 * JavaScript's engine under a clock.
 */
import vm from "node:vm";
import { RE2JS } from "re2js";
import { InputError, errorMessage } from "./errors.ts";

export interface PythonPattern {
  /** As re.fullmatch. @throws InputError when a pattern with look-around takes too long */
  matches(text: string): boolean;
}

/** Compiling takes time and memory by length; real ones have some hundred characters. */
const MAX_PATTERN_CHARS = 4_000;
/** A module's path; the time of a match grows with it. */
const MAX_TEXT_CHARS = 4_000;
const BACKTRACKING = /\(\?(?:=|!|<=|<!)|\\[1-9]|\(\?P=/u;
const KEPT = 500;

/** @throws when it takes too long */
type Engine = Pick<PythonPattern, "matches">;

const compiled = new Map<string, Engine>();

/**
 * @param where what holds the pattern, for messages: "adapter_config.json: rank_pattern"
 * @throws InputError naming the pattern and what is wrong with it
 */
export function pythonPattern(source: string, where: string): PythonPattern {
  const shown = JSON.stringify(source.length > 80 ? `${source.slice(0, 79)}…` : source);
  const what = `${where}: the pattern ${shown}`;
  const engine = compiled.get(source) ?? compile(source, what);
  return {
    matches: (text) => {
      try {
        return text.length <= MAX_TEXT_CHARS && engine.matches(text);
      } catch (error) {
        throw new InputError(
          `${what} takes too long: ${errorMessage(error)}; write it without look-around and back references`,
          { cause: error },
        );
      }
    },
  };
}

/** @param what the pattern and what holds it, for messages */
function compile(source: string, what: string): Engine {
  if (source.length > MAX_PATTERN_CHARS) {
    throw new InputError(
      `${what} has ${source.length} characters, at most ${MAX_PATTERN_CHARS} are read`,
    );
  }
  try {
    const engine = BACKTRACKING.test(source)
      ? new BacktrackingPattern(source)
      : new LinearPattern(source);
    // There are few patterns, unlike texts; a map that grows without end would be a leak all the same.
    if (compiled.size >= KEPT) compiled.clear();
    compiled.set(source, engine);
    return engine;
  } catch (error) {
    throw new InputError(`${what} is not a regular expression: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}

const TOKEN = /\\(?:u[\da-fA-F]{4}|U[\da-fA-F]{8}|.)|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?#[^)]*\)/gsu;
const ESCAPE = /\\(?:u[\da-fA-F]{4}|U[\da-fA-F]{8}|.)/gsu;

/** Without Python's comments, and its escapes, in sets too, as another engine spells them. */
function translated(source: string, escape: (text: string) => string): string {
  return source.replaceAll(TOKEN, (token) => {
    if (token.startsWith("(?#")) return "";
    return token.startsWith("[") ? token.replaceAll(ESCAPE, escape) : escape(token);
  });
}

/** The hexadecimal digits of `\uXXXX` and `\UXXXXXXXX`. */
function codeOf(escape: string): string | undefined {
  return /^\\[uU]([\da-f]{4,8})$/iu.exec(escape)?.[1];
}

function javaScriptEscape(escape: string): string {
  const code = codeOf(escape);
  if (code !== undefined) return `\\u{${code}}`;
  if (escape === "\\Z") return "$";
  if (escape === "\\A") return "^";
  // Python escapes what it likes, JavaScript only what has a meaning.
  const isPunctuation = /^\\[\x20-\x7f]$/u.test(escape) && !/\w$/u.test(escape);
  return isPunctuation ? `\\u{${escape.charCodeAt(1).toString(16)}}` : escape;
}

class LinearPattern implements Engine {
  readonly #pattern: RE2JS;

  constructor(source: string) {
    this.#pattern = RE2JS.compile(
      translated(source, (escape) => {
        const code = codeOf(escape);
        if (code !== undefined) return `\\x{${code}}`;
        // The end of the text, which RE2 spells small.
        return escape === "\\Z" ? "\\z" : escape;
      }),
    );
  }

  matches(text: string): boolean {
    return this.#pattern.matches(text);
  }
}

/** One match may take so long. */
const MATCH_LIMIT_MS = 100;
/** What all matches of this process may take at once, and the share of later time that they win back. */
const BUDGET_MS = 1_500;
const REFILL = 0.05;

let budget = { leftMs: BUDGET_MS, at: performance.now() };

class BacktrackingPattern implements Engine {
  readonly #script: vm.Script;
  readonly #context: vm.Context;

  constructor(source: string) {
    const inJavaScript = translated(source, javaScriptEscape);
    const flags = /^\(\?([ims]+)\)/u.exec(inJavaScript);
    const body = inJavaScript
      .slice(flags?.[0].length ?? 0)
      .replaceAll("(?P<", "(?<")
      .replaceAll(/\(\?P=(\w+)\)/gu, "\\k<$1>");
    const expression = new RegExp(`^(?:${body})$`, `u${flags?.[1] ?? ""}`);
    this.#context = vm.createContext({ expression, text: "" });
    this.#script = new vm.Script("expression.test(text)");
  }

  matches(text: string): boolean {
    const now = performance.now();
    const leftMs = Math.min(BUDGET_MS, budget.leftMs + REFILL * (now - budget.at));
    const timeout = Math.min(MATCH_LIMIT_MS, Math.floor(leftMs));
    this.#context["text"] = text;
    try {
      if (timeout < 1) throw new Error("patterns before it took too long");
      return this.#script.runInContext(this.#context, { timeout }) === true;
    } finally {
      const end = performance.now();
      budget = { leftMs: Math.max(0, leftMs - (end - now)), at: end };
    }
  }
}
