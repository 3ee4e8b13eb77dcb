/** Messages as rows hold them, checked. */
import { InputError } from "../util/errors.ts";

export interface Message {
  role: string;
  content: string;
  /** Tool calls and whatever else a chat template may read. */
  [key: string]: unknown;
}

export interface Place {
  file: string;
  line: number;
}

/** @throws InputError naming file, line and key */
export function requireText(value: unknown, key: string, { file, line }: Place): string {
  if (typeof value === "string") return value;
  throw new InputError(
    `${file}:${line}: "${key}" must be text, found ${value === undefined ? "nothing" : JSON.stringify(value)?.slice(0, 60)}`,
  );
}

/** @throws InputError naming file, line and message */
export function readMessages(value: unknown, key: string, place: Place): Message[] {
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
