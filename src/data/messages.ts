/** Messages as rows hold them, checked. */
import { InputError } from "../util/errors.ts";

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

/** @throws InputError naming file, line and message of what no chat template takes */
export function checkMessages(value: unknown, key: string, place: Place): void {
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
