/** The row formats Retune reads, told apart by their keys, and their common form. */
import { InputError } from "../util/errors.ts";
import type { JsonlRow } from "./jsonl.ts";

export const FORMATS = ["messages", "prompt-completion", "alpaca", "text"] as const;
export type Format = (typeof FORMATS)[number];

/** What a row says, whatever its keys are called. */
export type Conversation =
  /** The row as it stands, for the chat template. */
  | { kind: "chat" }
  | { kind: "completion"; prompt: string; completion: string }
  | ({ kind: "instruction" } & Instruction)
  | { kind: "text"; text: string };

export interface Instruction {
  /** Empty when there is none. */
  system: string;
  prompt: string;
  /** Empty when there is none. */
  input: string;
  answer: string;
  /** Earlier turns: what was asked, and the answer. */
  history: readonly (readonly [prompt: string, answer: string])[];
}

const KEYS: Readonly<Record<Format, readonly string[]>> = {
  messages: ["messages"],
  "prompt-completion": ["prompt", "completion"],
  alpaca: ["instruction", "output"],
  text: ["text"],
};

export interface Place {
  file: string;
  line: number;
}

/** @throws InputError naming file, line and the row's keys when no format fits */
export function detectFormat({ value, line }: JsonlRow, file: string): Format {
  const found = FORMATS.find((format) => KEYS[format].every((key) => key in value));
  if (found) return found;
  const keys = Object.keys(value).join(", ") || "none";
  const known = FORMATS.map((format) => KEYS[format].join(" + ")).join("; ");
  throw new InputError(
    `${file}:${line}: no format fits the keys ${keys}; expected one of: ${known}`,
  );
}

/** @throws InputError naming file, line and key when the row does not fit the format */
export function readConversation(
  { value, line }: JsonlRow,
  format: Format,
  file: string,
): Conversation {
  const place = { file, line };
  const text = (key: string): string => requireText(value[key], key, place);
  const optional = (key: string): string => (value[key] == null ? "" : text(key));
  switch (format) {
    case "messages":
      checkMessages(value["messages"], "messages", place);
      return { kind: "chat" };
    case "prompt-completion":
      if (Array.isArray(value["prompt"])) {
        checkMessages(value["prompt"], "prompt", place);
        checkMessages(value["completion"], "completion", place);
        return { kind: "chat" };
      }
      return { kind: "completion", prompt: text("prompt"), completion: text("completion") };
    case "alpaca":
      return {
        kind: "instruction",
        system: optional("system"),
        prompt: text("instruction"),
        input: optional("input"),
        answer: text("output"),
        history: readHistory(value["history"], place),
      };
    case "text":
      return { kind: "text", text: text("text") };
  }
}

function requireText(value: unknown, key: string, { file, line }: Place): string {
  if (typeof value === "string") return value;
  throw new InputError(
    `${file}:${line}: "${key}" must be text, found ${value === undefined ? "nothing" : JSON.stringify(value)?.slice(0, 60)}`,
  );
}

function readHistory(value: unknown, { file, line }: Place): [string, string][] {
  if (value == null) return [];
  const isTurn = (turn: unknown): turn is [string, string] =>
    Array.isArray(turn) && turn.length === 2 && turn.every((text) => typeof text === "string");
  if (Array.isArray(value) && value.every(isTurn)) return value;
  throw new InputError(`${file}:${line}: "history" must be a list of pairs of prompt and answer`);
}

function checkMessages(value: unknown, key: string, place: Place): void {
  const { file, line } = place;
  if (!Array.isArray(value) || value.length === 0) {
    throw new InputError(`${file}:${line}: "${key}" must be a list of messages with at least one`);
  }
  value.forEach((message: unknown, index) => {
    const at = `${key}[${index}]`;
    if (typeof message !== "object" || message === null) {
      throw new InputError(`${file}:${line}: ${at} must be an object with role and content`);
    }
    const fields = message as Record<string, unknown>;
    requireText(fields["role"], `${at}.role`, place);
    // An assistant turn that only calls tools has no content of its own.
    if (fields["content"] == null && fields["tool_calls"] != null) return;
    requireText(fields["content"], `${at}.content`, place);
  });
}
