/** Where the answers of a row are in its text, found by what a chat template renders of the row's parts. */
import type { JsonObject } from "../../util/json.ts";
import type { Answers } from "./answers.ts";

/** [start, end) in UTF-16 units of a text. */
export type Span = readonly [start: number, end: number];

/** A row's text, and the texts that tell where its answers are. */
export interface RenderedRow {
  text: string;
  /** What the template marks as an answer ({% generation %}); null when it has no such marks. */
  marked: readonly Span[] | null;
  /** What a completion is the answer to; null where the row has none. */
  prompt: string | null;
  /** One for each answer that `placedAnswers` names. */
  turns: readonly RenderedTurn[];
}

export interface RenderedTurn {
  /** The messages up to the answer; null for the last one, as that is the row's text. */
  end: string | null;
  /** The messages before the answer and the start of it; null when the template refuses. */
  asked: string | null;
}

export interface AnswerSpans {
  /** In order and apart. */
  spans: readonly Span[];
  /** How many trained answers have no place in the text. */
  unplaced: number;
}

/** The answers whose place is sought: what is trained, or what is not of what is trained as a whole. */
export function placedAnswers(answers: Answers, isMarked: boolean): readonly number[] {
  return isMarked || answers.begin > 0 ? answers.untrained : answers.trained;
}

export function answerSpans(
  rendered: RenderedRow,
  answers: Answers,
  messages: readonly JsonObject[],
): AnswerSpans {
  const { text, marked, turns } = rendered;
  const whole = wholeSpans(rendered);
  const found = placedAnswers(answers, marked !== null).map((answer, index) => {
    const turn = turns[index];
    const isFirst = answer === 0;
    return turn && turnSpan(turn, text, { isFirst, words: said(messages[answer]) });
  });
  const placed = found.filter((span) => span !== undefined);
  const missing = found.length - placed.length;
  if (!whole) return { spans: joined(placed), unplaced: missing };
  // Rather nothing than what must not be learnt.
  if (missing > 0) return { spans: [], unplaced: answers.trained.length };
  return { spans: joined(placed.reduce(without, whole)), unplaced: 0 };
}

/** What is trained but for single answers; undefined where each answer has its own place. */
function wholeSpans({ text, marked, prompt }: RenderedRow): readonly Span[] | undefined {
  if (prompt === null) return marked ?? undefined;
  // TRL's: all that comes after the common prefix.
  const begin = commonLength(prompt, text);
  if (!marked) return [[begin, text.length]];
  return marked.map(([start, end]) => [Math.max(start, begin), end]);
}

/**
 * Where an answer stands in the text, with its end mark; undefined where that can't be told.
 * Between what the model is asked with and what there is with the answer. Where later turns change how
 * earlier ones are rendered, the answer's own words must be found in between.
 */
function turnSpan(
  turn: RenderedTurn,
  text: string,
  { isFirst, words }: { isFirst: boolean; words: string },
): Span | undefined {
  const isLast = turn.end === null;
  const endText = turn.end ?? text;
  const end = commonLength(endText, text);
  if (turn.asked === null) {
    // Not every template can ask about nothing: an assistant that begins.
    const at = isFirst && words !== "" ? onlyPlace(text.slice(0, end), words) : undefined;
    return at === undefined ? undefined : [at, end];
  }
  const start = commonLength(turn.asked, text);
  if (start > end) return undefined;
  const isPlain = start === turn.asked.length && end === endText.length;
  const isFound = isPlain || isLast || (words !== "" && text.slice(start, end).includes(words));
  return isFound ? [start, end] : undefined;
}

function onlyPlace(text: string, part: string): number | undefined {
  const at = text.indexOf(part);
  return at === -1 || text.includes(part, at + part.length) ? undefined : at;
}

/** White space in Python, and not in JavaScript. */
const PYTHON_SPACE = "\u001C\u001D\u001E\u001F\u0085";

/** As Python has it. */
function isSpace(text: string, at: number): boolean {
  const unit = text.charAt(at);
  return PYTHON_SPACE.includes(unit) || (unit !== "\uFEFF" && /\s/u.test(unit));
}

/** An answer's own words. */
function said(message: JsonObject | undefined): string {
  const content = message?.["content"];
  if (typeof content !== "string") return "";
  let [start, end] = [0, content.length];
  while (start < end && isSpace(content, start)) start++;
  while (start < end && isSpace(content, end - 1)) end--;
  return content.slice(start, end);
}

/** How long the longest common prefix is, in whole characters. */
function commonLength(a: string, b: string): number {
  if (b.startsWith(a)) return a.length;
  let [low, high] = [0, Math.min(a.length, b.length)];
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (b.startsWith(a.slice(low, middle), low)) low = middle;
    else high = middle - 1;
  }
  // Characters of two units may share the first.
  return isHigh(a, low - 1) && (isLow(a, low) || isLow(b, low)) ? low - 1 : low;
}

function isHigh(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  return unit >= 0xd800 && unit <= 0xdbff;
}

function isLow(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  return unit >= 0xdc00 && unit <= 0xdfff;
}

function without(spans: readonly Span[], [low, high]: Span): Span[] {
  return spans.flatMap(([start, end]): Span[] => [
    [start, Math.min(end, low)],
    [Math.max(start, high), end],
  ]);
}

/** In order and apart, without empty ones. */
function joined(spans: readonly Span[]): Span[] {
  const result: [number, number][] = [];
  for (const [start, end] of spans.toSorted((a, b) => a[0] - b[0] || a[1] - b[1])) {
    if (start >= end) continue;
    const last = result.at(-1);
    if (last && start <= last[1]) last[1] = Math.max(end, last[1]);
    else result.push([start, end]);
  }
  return result;
}
