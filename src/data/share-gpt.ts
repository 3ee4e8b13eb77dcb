/**
 * ShareGPT's conversations, as LLaMA-Factory and Axolotl read them: turns with `from` and `value`, or with `role`
 * and `content` under the same key; `system` may stand beside them. media/python/render.py makes messages of them.
 */
import { InputError } from "../util/errors.ts";
import { type JsonObject, isJsonObject, parseJson } from "../util/json.ts";
import { type Place, checkMessages, requireText } from "./messages.ts";

/** What the field writes in `from`; a chat template knows the right side. */
export const SHARE_GPT_ROLES: Readonly<Record<string, string>> = {
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

/** @throws InputError naming file, line and turn of what can't be made a message */
export function checkShareGpt(value: JsonObject, place: Place): void {
  const turns = value["conversations"];
  if (!Array.isArray(turns) || !turns.some((turn) => isJsonObject(turn) && "from" in turn)) {
    checkMessages(turns, "conversations", place);
    return;
  }
  turns.forEach((turn: unknown, index) => checkTurn(turn, `conversations[${index}]`, place));
}

function checkTurn(turn: unknown, at: string, place: Place): void {
  const where = `${place.file}:${place.line}: ${at}`;
  if (!isJsonObject(turn)) throw new InputError(`${where} must be an object with from and value`);
  const from = requireText(turn["from"], `${at}.from`, place);
  const content = requireText(turn["value"], `${at}.value`, place);
  if (!Object.hasOwn(SHARE_GPT_ROLES, from)) {
    throw new InputError(
      `${where}.from is ${JSON.stringify(from.slice(0, 40))}, expected one of ${Object.keys(SHARE_GPT_ROLES).join(", ")}`,
    );
  }
  if (from === "function_call") parseJson(content, `${where}.value`);
}
