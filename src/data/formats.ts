/** The row formats Retune reads, told apart by their keys, and their common form. */
import { type Message, readMessages, requireText } from "./messages.ts";
import { shareGptMessages } from "./share-gpt.ts";
import { InputError } from "../util/errors.ts";
import type { DataRow } from "./rows/row.ts";

export const FORMATS = ["messages", "prompt-completion", "alpaca", "sharegpt", "text"] as const;
export type Format = (typeof FORMATS)[number];

/** What a row says, whatever its keys are called. */
export type Conversation =
  | { kind: "messages"; messages: readonly Message[]; tools?: unknown }
  | { kind: "completion"; prompt: string; completion: string }
  | { kind: "instruction"; system?: string; prompt: string; answer: string; input: string }
  | { kind: "text"; text: string };

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
      return {
        kind: "messages",
        messages: readMessages(value["messages"], "messages", place),
        ...(value["tools"] == null ? {} : { tools: value["tools"] }),
      };
    case "prompt-completion":
      if (Array.isArray(value["prompt"])) {
        return {
          kind: "messages",
          messages: [
            ...readMessages(value["prompt"], "prompt", place),
            ...readMessages(value["completion"], "completion", place),
          ],
        };
      }
      return { kind: "completion", prompt: text("prompt"), completion: text("completion") };
    case "alpaca": {
      const system = optional("system");
      return {
        kind: "instruction",
        prompt: text("instruction"),
        input: optional("input"),
        answer: text("output"),
        ...(system === "" ? {} : { system }),
      };
    }
    case "sharegpt":
      return {
        kind: "messages",
        messages: shareGptMessages(value, place),
        ...(value["tools"] == null ? {} : { tools: value["tools"] }),
      };
    case "text":
      return { kind: "text", text: text("text") };
  }
}
