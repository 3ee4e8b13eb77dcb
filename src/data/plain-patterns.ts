/**
 * The regular expressions of a tokenizer.json, and whether they can be matched in this process. The library's
 * engine backtracks, and ends the whole process when it has done so ten million times.
 */
import type { Json } from "./special-tokens.ts";

/** Ways to match what is not repeated without end, in one alternative; GPT-4o's pattern has 16. */
const MAX_WAYS = 256;

/** Every `{"Regex": "…"}` below a part of tokenizer.json. */
export function patternsOf(part: unknown): readonly string[] {
  const found: string[] = [];
  const waiting = [part];
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    if (typeof value !== "object" || value === null) continue;
    const { Regex: pattern } = value as Json;
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
  if (!tokens) return false;
  const groups: Group[] = [newGroup()];
  for (let at = 0; at < tokens.length; at++) {
    const group = groups.at(-1);
    const token = tokens[at] ?? "";
    if (!group || UNSUPPORTED.test(token)) return false;
    if (token === "|") {
      if (!isLinear(group) || (groups.length > 1 && group.loops > 0)) return false;
      Object.assign(group, newGroup(), { before: group.before + group.ways });
    } else if (token.startsWith("(") && !token.endsWith(")")) {
      groups.push(newGroup());
      if (groups.length > 16) return false;
    } else if (!token.startsWith("(")) {
      const isGroup = token === ")";
      if (isGroup && (groups.length === 1 || group.loops > 0)) return false;
      if (isGroup) groups.pop();
      const outer = groups.at(-1) ?? group;
      const ways = isGroup ? group.before + group.ways : 1;
      const quantifier = tokens[at + 1] ?? "";
      if (!addItem(outer, { ways, isGroup, quantifier })) return false;
      if (!QUANTIFIER.test(quantifier)) continue;
      at++;
      // Lazy or possessive; behind {…} it is another quantifier.
      const next = tokens[at + 1] ?? "";
      if (QUANTIFIER.test(next)) {
        if (quantifier.startsWith("{") || !/^[+?]$/u.test(next)) return false;
        at++;
        if (QUANTIFIER.test(tokens[at + 1] ?? "")) return false;
      }
    }
  }
  const [last] = groups;
  return groups.length === 1 && last !== undefined && isLinear(last);
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
    const isFirst = previous === "[" || previous === "[^";
    if (depth === 0 && token !== "[") tokens.push(token);
    else if (token === "[") depth++;
    else if (depth > 0 && /^\(.|^\{/u.test(token) && token.includes("]")) return undefined;
    else if (token === "]" && !isFirst) depth--;
    if (token === "]" && !isFirst && depth === 0) tokens[tokens.length] = ".";
    previous = token === "^" && previous === "[" ? "[^" : token;
  }
  return depth === 0 ? tokens : undefined;
}
