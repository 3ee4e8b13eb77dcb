/**
 * Text that came from a file or another process, before a window shows it. VS Code reads messages, prompts
 * and progress for `[text](command:…)` and labels for `$(icon)`: names and error messages must not bring either.
 */

const MAX_CHARS = 600;
/** Stands between two characters without being seen. */
const WORD_JOINER = "\u2060";
/** Control characters, and those that turn the reading direction round. */
const UNSEEN = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+/gu;

/** One line without links, icons, control characters, and not endless. */
export function plainText(text: string): string {
  const line = text.replaceAll(UNSEEN, " ").trim();
  return apart(line.length <= MAX_CHARS ? line : `${line.slice(0, MAX_CHARS - 1).trimEnd()}…`);
}

/** The same, its lines kept: of a dialog's detail. */
export function plainLines(text: string): string {
  return text.split(/\r?\n/u).map(plainText).join("\n");
}

function apart(line: string): string {
  return line.replaceAll("](", `]${WORD_JOINER}(`).replaceAll("$(", `$${WORD_JOINER}(`);
}
