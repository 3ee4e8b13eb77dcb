/** The messages of a row, and which of them are answers to train on. */
import { type JsonObject, isJsonObject } from "../../util/json.ts";
import { SHARE_GPT_ROLES } from "../share-gpt.ts";

/** A row for the chat template. */
export interface ChatRow {
  value: JsonObject;
  /** The same, with its numbers' own digits. */
  json: string;
}

export interface RowMessages {
  /** As a template sees them, but for what it is told of tools. */
  messages: readonly JsonObject[];
  /** Where a completion begins in the messages, 0 where all answers are trained. */
  begin: number;
}

/** The answers of a row by their place in its messages. */
export interface Answers {
  begin: number;
  trained: readonly number[];
  untrained: readonly number[];
}

export function messagesOf(row: JsonObject): RowMessages {
  if ("messages" in row) return { messages: objectsOf(row["messages"]), begin: 0 };
  if ("conversations" in row) return { messages: turnsOf(row), begin: 0 };
  const prompt = objectsOf(row["prompt"]);
  return { messages: [...prompt, ...objectsOf(row["completion"])], begin: prompt.length };
}

export function answersOf({ messages, begin }: RowMessages): Answers {
  const trained: number[] = [];
  const untrained: number[] = [];
  messages.forEach((message, index) => {
    if (index < begin || message["role"] !== "assistant") return;
    (isTrained(message) ? trained : untrained).push(index);
  });
  return { begin, trained, untrained };
}

function isTrained({ weight, train }: JsonObject): boolean {
  return weight !== 0 && weight !== false && train !== false;
}

/** ShareGPT's; media/python/render.py makes the same of them. */
function turnsOf(row: JsonObject): JsonObject[] {
  const { system, conversations } = row;
  const first = typeof system === "string" && system !== "";
  const turns = objectsOf(conversations).map((turn) => {
    if (!("from" in turn)) return turn;
    const { from, value, ...others } = turn;
    const content = from === "function_call" ? "" : value;
    return { ...others, role: SHARE_GPT_ROLES[String(from)], content };
  });
  return first ? [{ role: "system", content: system }, ...turns] : turns;
}

/** What is no message has no role either. */
function objectsOf(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.map((each) => (isJsonObject(each) ? each : {})) : [];
}
