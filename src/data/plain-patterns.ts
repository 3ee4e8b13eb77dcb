/**
 * The regular expressions of a tokenizer.json, and whether they can be matched in this process. The library's
 * engine backtracks, and ends the whole process when it has done so ten million times.
 */
import type { JsonObject } from "../util/json.ts";

/** Ways to match what is not repeated without end, in one alternative; GPT-4o's pattern has 16. */
const MAX_WAYS = 256;
const MAX_DEPTH = 16;

/** Every `{"Regex": "…"}` below a part of tokenizer.json. */
export function patternsOf(part: unknown): readonly string[] {
  const found: string[] = [];
  const waiting = [part];
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    if (typeof value !== "object" || value === null) continue;
    const { Regex: pattern } = value as JsonObject;
    if (typeof pattern === "string") found.push(pattern);
    for (const each of Object.values(value)) waiting.push(each ?? null);
  }
  return found;
}

const TOKEN =
  /\\[pP]\{[^}]*\}|\\x\{[^}]*\}|\\[1-9kg]|\\[^]|\((?:\?(?:[im-]*:|[im-]+\)|<?[=!]|>|<\w+>|[^]))?|\{\d*,?\d*\}|[^]/gu;

/** References to what a group matched, and groups of a kind that is not known here. */
const UNSUPPORTED = /^\\[1-9kg]$|^\(\?[^=!>:]$/u;
const QUANTIFIER = /^(?:[*+?]|\{.+\})$/u;

/** What one alternative has so far. */
interface Alternative {
  /** Repeated without end. */
  loops: number;
  /** Something after the last loop may fail to match. */
  mayFailBehind: boolean;
  ways: number;
}

interface Group extends Alternative {
  /** Ways of all alternatives before this one. */
  before: number;
}

/**
 * True when it is matched in time that is linear in the text from each place on: nothing that repeats is
 * repeated, and a second loop in one alternative stands at its end, as in GPT-2's pattern, Llama 3's,
 * Qwen's, DeepSeek's and GPT-4o's. False says nothing: it may be harmless and yet too complex for this check.
 */
export function isPlainPattern(pattern: string): boolean {
  const tokens = withoutClasses(pattern);
  return tokens !== undefined && new PatternScan(tokens).isPlain();
}

/** One pass over a pattern's parts. Every step says whether the pattern is plain so far. */
class PatternScan {
  readonly #tokens: readonly string[];
  /** Those that are open, the whole pattern first. */
  readonly #groups: Group[] = [newGroup()];
  #at = 0;

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  isPlain(): boolean {
    while (this.#at < this.#tokens.length) {
      if (!this.#step(this.#tokens[this.#at++] ?? "")) return false;
    }
    const [whole] = this.#groups;
    return this.#groups.length === 1 && whole !== undefined && isLinear(whole);
  }

  #step(token: string): boolean {
    if (UNSUPPORTED.test(token)) return false;
    if (token === "|") return this.#alternative();
    if (token === ")") return this.#close();
    if (!token.startsWith("(")) return this.#item({ ways: 1, isGroup: false });
    // What ends in itself sets flags, and is no group.
    return token.endsWith(")") || this.#groups.push(newGroup()) <= MAX_DEPTH;
  }

  #alternative(): boolean {
    const group = this.#groups.at(-1);
    if (!group || !isLinear(group) || (this.#groups.length > 1 && group.loops > 0)) return false;
    Object.assign(group, newGroup(), { before: group.before + group.ways });
    return true;
  }

  #close(): boolean {
    const inner = this.#groups.length > 1 ? this.#groups.pop() : undefined;
    if (!inner || inner.loops > 0) return false;
    return this.#item({ ways: inner.before + inner.ways, isGroup: true });
  }

  #item(item: { ways: number; isGroup: boolean }): boolean {
    const group = this.#groups.at(-1);
    const quantifier = this.#tokens[this.#at] ?? "";
    return group !== undefined && addItem(group, { ...item, quantifier }) && this.#pass(quantifier);
  }

  /** Passes the quantifier, if it is one, and what makes it lazy or possessive. */
  #pass(quantifier: string): boolean {
    if (!QUANTIFIER.test(quantifier)) return true;
    this.#at++;
    const next = this.#tokens[this.#at] ?? "";
    if (!QUANTIFIER.test(next)) return true;
    // Behind {…} it is another quantifier.
    if (quantifier.startsWith("{") || !/^[+?]$/u.test(next)) return false;
    this.#at++;
    return !QUANTIFIER.test(this.#tokens[this.#at] ?? "");
  }
}

function newGroup(): Group {
  return { loops: 0, mayFailBehind: false, ways: 1, before: 0 };
}

function isLinear({ loops, mayFailBehind, ways, before }: Group): boolean {
  return ways + before <= MAX_WAYS && (loops <= 1 || (loops === 2 && !mayFailBehind));
}

function addItem(
  group: Group,
  { ways, isGroup, quantifier }: { ways: number; isGroup: boolean; quantifier: string },
): boolean {
  group.ways *= ways;
  const [, min, comma, max] = /^\{(\d*)(,?)(\d*)\}$/u.exec(quantifier) ?? [];
  const isLoop = quantifier === "*" || quantifier === "+" || (comma === "," && max === "");
  if (quantifier === "?") {
    group.ways *= 2;
  } else if (isLoop) {
    if (isGroup) return false;
    group.loops++;
    group.mayFailBehind = false;
  } else {
    if (comma !== undefined && isGroup) return false;
    if (comma === ",") group.ways *= Number(max) - Number(min) + 1;
    group.mayFailBehind = true;
  }
  return group.ways <= MAX_WAYS;
}

/** The pattern's parts, each class of characters as one dot; undefined when a class has no end. */
function withoutClasses(pattern: string): readonly string[] | undefined {
  const tokens: string[] = [];
  let depth = 0;
  let previous = "";
  for (const [token] of pattern.matchAll(TOKEN)) {
    // A bracket that is the first of its class is one of its characters.
    const closes = token === "]" && previous !== "[" && previous !== "[^";
    if (depth === 0 && token !== "[") tokens.push(token);
    else if (token === "[") depth++;
    else if (closes && --depth === 0) tokens.push(".");
    else if (/^\(.|^\{/u.test(token) && token.includes("]")) return undefined;
    previous = token === "^" && previous === "[" ? "[^" : token;
  }
  return depth === 0 ? tokens : undefined;
}
