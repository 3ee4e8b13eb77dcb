/** The row formats Retune reads, told apart by their keys, and their common form. */
import { InputError } from "../util/errors.ts";
import type { JsonlRow } from "./jsonl.ts";

export const FORMATS = ["messages", "prompt-completion", "alpaca", "text"] as const;
export type Format = (typeof FORMATS)[number];

export interface Message {
  role: string;
  content: string;
  /** Tool calls and whatever else a chat template may read. */
  [key: string]: unknown;
}

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

function readMessages(value: unknown, key: string, place: Place): Message[] {
  const { file, line } = place;
  if (!Array.isArray(value) || value.length === 0) {
    throw new InputError(`${file}:${line}: "${key}" must be a list of messages with at least one`);
  }
  return value.map((message: unknown, index): Message => {
    const at = `${key}[${index}]`;
    if (typeof message !== "object" || message === null) {
      throw new InputError(`${file}:${line}: ${at} must be an object with role and content`);
    }
    const fields = message as Record<string, unknown>;
    const role = requireText(fields["role"], `${at}.role`, place);
    // An assistant turn that only calls tools has no content of its own.
    const content =
      fields["content"] == null && fields["tool_calls"] != null
        ? ""
        : requireText(fields["content"], `${at}.content`, place);
    return { ...fields, role, content };
  });
}
