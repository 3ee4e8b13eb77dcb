import type { ChatRow } from "../../src/data/templates/answers.ts";

export function chatRow(json: string): ChatRow {
  return { json, value: JSON.parse(json) as Record<string, unknown> };
}
