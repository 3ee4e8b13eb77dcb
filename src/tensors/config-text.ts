/**
 * config.json, changed as text: what is not changed stays as it was, key order, indentation and `30.0`
 * included. JavaScript would write that as 30, which transformers 5 refuses where it expects a float.
 */
import { InputError } from "../util/errors.ts";
import { type JsonObject, isJsonObject, parseJson, parseJsonObject } from "../util/json.ts";
import { endOfString } from "../util/json-parser.ts";

/** Keys of configs whose numbers are floats in Python, also where they are whole. */
const FLOAT_KEYS = [
  "attention_dropout",
  "attention_factor",
  "attn_factor",
  "beta_fast",
  "beta_slow",
  "factor",
  "high_freq_factor",
  "initializer_range",
  "layer_norm_eps",
  "low_freq_factor",
  "mscale",
  "mscale_all_dim",
  "rms_norm_eps",
  "rope_theta",
];
const WHOLE_FLOAT = new RegExp(`("(?:${FLOAT_KEYS.join("|")})": -?\\d+)(?=[,\\n}]|$)`, "gu");

/** A config that we make: indented, and with floats as Python writes them. */
export function configText(config: object): string {
  return `${withFloats(JSON.stringify(config, null, 2))}\n`;
}

function withFloats(json: string): string {
  return json.replaceAll(WHOLE_FLOAT, "$1.0");
}

/**
 * @param text of a config.json
 * @param wanted every key that the result has; one that is left out is removed
 * @param name of the file, for messages
 * @throws InputError for a text that is no JSON object
 */
export function changedConfigText(text: string, wanted: JsonObject, name: string): string {
  const start = text.indexOf("{");
  const unit = /\{\s*?\n([ \t]+)"/u.exec(text)?.[1];
  const found = parseJsonObject(text, name);
  const change = { found, wanted, name, indent: "", unit, hasFloats: true };
  const edited = changedObject(text.slice(start), change);
  return text.slice(0, start) + edited.text + text.slice(start + edited.end);
}

interface Change {
  /** As it reads now. */
  found: JsonObject;
  wanted: JsonObject;
  name: string;
  /** What stands before the object's closing brace; of one in a line of its own "". */
  indent: string;
  /** One level; undefined in a text without line breaks. */
  unit: string | undefined;
  /** False among labels, which may be called like a number of the model's. */
  hasFloats: boolean;
}

interface Member {
  key: string;
  /** From behind the comma before it to the value. */
  lead: string;
  value: string;
  /** White space before the comma behind it. */
  tail: string;
}

/** @returns the object's new text, and where the old one ends */
function changedObject(text: string, change: Change): { text: string; end: number } {
  const { found, wanted, indent, unit } = change;
  const nested = { ...change, indent: unit === undefined ? "" : indent + unit };
  const { members, rest, end } = membersOf(text, change.name);
  // The last one of two keys alike counts, and is the one that is kept.
  const last = new Map(members.map((member) => [member.key, member]));
  const kept = [...last.values()].filter(({ key }) => wanted[key] !== undefined);
  const texts = kept.map(({ key, lead, value, tail }) => {
    return lead + changedValue(value, [found[key], wanted[key]], { key, change: nested }) + tail;
  });
  const style = styleOf(members.at(-1), nested);
  for (const [key, value] of Object.entries(wanted)) {
    if (last.has(key) || value === undefined) continue;
    const shown = print(key, value, nested);
    texts.push(`${style.before}${JSON.stringify(key)}${style.colon}${shown}`);
  }
  const own = unit === undefined ? rest : `\n${indent}`;
  const close = members.length > 0 || texts.length === 0 ? rest : own;
  return { text: `{${texts.join(",")}${close}}`, end };
}

/** What stands before a new key, and between it and its value. */
function styleOf(
  neighbour: Member | undefined,
  { indent, unit }: Change,
): { before: string; colon: string } {
  const [colon = ": "] = /:\s*$/u.exec(neighbour?.lead ?? "") ?? [];
  if (unit !== undefined) return { before: `\n${indent}`, colon };
  return { before: neighbour && colon.length > 1 ? " " : "", colon };
}

function changedValue(
  text: string,
  [found, wanted]: [unknown, unknown],
  { key, change }: { key: string; change: Change },
): string {
  if (isSame(found, wanted)) return text;
  if (isJsonObject(found) && isJsonObject(wanted)) {
    const hasFloats = change.hasFloats && key !== "label2id";
    return changedObject(text, { ...change, found, wanted, hasFloats }).text;
  }
  return print(key, wanted, change);
}

function print(key: string, value: unknown, { indent, unit, hasFloats }: Change): string {
  const json = JSON.stringify({ [key]: value }, null, 2);
  const text = hasFloats && key !== "label2id" ? withFloats(json) : json;
  // Without `{\n  "KEY": ` and `\n}`
  const own = text.slice(6 + JSON.stringify(key).length, -2);
  if (unit === undefined) return own.replaceAll(/\n\s*/gu, " ");
  // Printed one level deep, with two blanks for each.
  const lines = own.split("\n").map((line, index) => {
    if (index === 0) return line;
    const [blanks = ""] = /^ */u.exec(line) ?? [];
    return indent + unit.repeat(blanks.length / 2 - 1) + line.slice(blanks.length);
  });
  return lines.join("\n");
}

function isSame(one: unknown, other: unknown): boolean {
  return Object.is(one, other) || JSON.stringify(one) === JSON.stringify(other);
}

/** Takes a text apart that begins with an object and is known to be JSON. */
function membersOf(text: string, name: string): { members: Member[]; rest: string; end: number } {
  const members: Member[] = [];
  const space = (from: number): number => {
    let at = from;
    while (/\s/u.test(text[at] ?? "x")) at++;
    return at;
  };
  let start = 1;
  for (;;) {
    const keyAt = space(start);
    if (text[keyAt] === "}") return { members, rest: text.slice(start, keyAt), end: keyAt + 1 };
    const keyEnd = endOfString(text, keyAt) + 1;
    const valueAt = space(space(keyEnd) + 1);
    const valueEnd = endOfValue(text, valueAt);
    const next = space(valueEnd);
    if (keyEnd <= keyAt || valueEnd <= valueAt) throw new InputError(`${name}: not valid JSON`);
    const isLast = text[next] === "}";
    members.push({
      key: String(parseJson(text.slice(keyAt, keyEnd), name)),
      lead: text.slice(start, valueAt),
      value: text.slice(valueAt, valueEnd),
      tail: isLast ? "" : text.slice(valueEnd, next),
    });
    if (isLast) return { members, rest: text.slice(valueEnd, next), end: next + 1 };
    start = next + 1;
  }
}

function endOfValue(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const character = text[at] ?? "";
    if (character === '"') at = endOfString(text, at);
    else if (character === "{" || character === "[") depth++;
    else if (depth > 0 && (character === "}" || character === "]")) depth--;
    else if (depth === 0 && /[,}\]\s]/u.test(character)) return at;
    if (at < start) return start;
    if (depth === 0 && /["}\]]/u.test(text[at] ?? "")) return at + 1;
  }
  return text.length;
}
