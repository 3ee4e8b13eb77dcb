/**
 * ShareGPT's conversations, as LLaMA-Factory and Axolotl read them: turns with `from` and `value`, or with `role`
 * and `content` under the same key; `system` may stand beside them.
 */
import { InputError } from "../util/errors.ts";
import { parseJson } from "../util/json.ts";
import { type Message, type Place, readMessages, requireText } from "./messages.ts";

/** What the field writes in `from`; a chat template knows the right side. */
const ROLES: Readonly<Record<string, string>> = {
  system: "system",
  human: "user",
  user: "user",
  gpt: "assistant",
  assistant: "assistant",
  chatgpt: "assistant",
  bard: "assistant",
  bing: "assistant",
  model: "assistant",
  function_call: "assistant",
  tool: "tool",
  observation: "tool",
  function_response: "tool",
};

/** @throws InputError naming file, line and turn */
export function shareGptMessages(
  value: Readonly<Record<string, unknown>>,
  place: Place,
): Message[] {
  const turns = value["conversations"];
  const lead =
    typeof value["system"] === "string" && value["system"] !== ""
      ? [{ role: "system", content: value["system"] }]
      : [];
  if (!Array.isArray(turns) || !turns.some((turn) => isObject(turn) && "from" in turn)) {
    return [...lead, ...readMessages(turns, "conversations", place)];
  }
  return [...lead, ...turns.map((turn: unknown, index) => messageOf(turn, index, place))];
}

function messageOf(turn: unknown, index: number, place: Place): Message {
  const at = `conversations[${index}]`;
  if (!isObject(turn)) {
    throw new InputError(
      `${place.file}:${place.line}: ${at} must be an object with from and value`,
    );
  }
  const from = requireText(turn["from"], `${at}.from`, place);
  const content = requireText(turn["value"], `${at}.value`, place);
  const role = Object.hasOwn(ROLES, from) ? ROLES[from] : undefined;
  if (role === undefined) {
    throw new InputError(
      `${place.file}:${place.line}: ${at}.from is ${JSON.stringify(from.slice(0, 40))}, expected one of ${Object.keys(ROLES).join(", ")}`,
    );
  }
  // How a turn is weighed, and whatever else a template may read, goes with it.
  const { from: _, value: __, ...others } = turn;
  if (from !== "function_call") return { ...others, role, content };
  const where = `${place.file}:${place.line}: ${at}.value`;
  const calls = [parseJson(content, where)].flat();
  return {
    ...others,
    role,
    content: "",
    tool_calls: calls.map((call) => ({ type: "function", function: call })),
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
