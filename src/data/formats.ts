/** The row formats Retune reads, told apart by their keys, and their common form. */
import { type Place, checkMessages, requireText } from "./messages.ts";
import { checkShareGpt } from "./share-gpt.ts";
import { InputError } from "../util/errors.ts";
import type { DataRow } from "./rows/row.ts";

export const FORMATS = ["messages", "prompt-completion", "alpaca", "sharegpt", "text"] as const;
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
  sharegpt: ["conversations"],
  text: ["text"],
};

/** @throws InputError naming file, line and the row's keys when no format fits */
export function detectFormat({ value, line }: DataRow, file: string): Format {
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
  { value, line }: DataRow,
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
    case "sharegpt":
      checkShareGpt(value, place);
      return { kind: "chat" };
    case "text":
      return { kind: "text", text: text("text") };
  }
}

function readHistory(value: unknown, { file, line }: Place): [string, string][] {
  if (value == null) return [];
  const isTurn = (turn: unknown): turn is [string, string] =>
    Array.isArray(turn) && turn.length === 2 && turn.every((text) => typeof text === "string");
  if (Array.isArray(value) && value.every(isTurn)) return value;
  throw new InputError(`${file}:${line}: "history" must be a list of pairs of prompt and answer`);
}
