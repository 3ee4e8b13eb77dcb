/** Python is started beside what comes before the first rendering, where a rendering is sure to come. */
import { chatTemplatesOf } from "../../util/chat-template-file.ts";
import type { JsonObject } from "../../util/json.ts";
import { type Format, detectFormat, readConversation } from "../formats.ts";
import { readRows } from "../rows/read-rows.ts";
import type { DataRow } from "../rows/row.ts";
import { keepsTokens } from "../token-cache.ts";
import { isQuick } from "./quick-template.ts";
import { instructionMessages } from "./row-text.ts";
import { templateThreads } from "./template-threads.ts";

/**
 * Not for rows that need no template or one that is rendered without Python, nor where the tokens may be in the cache: such a file is large
 * enough that it does not matter.
 * @param options.modelDirs where a chat template may be
 */
export async function startTemplates(
  file: string,
  options: { format: Format | "auto"; modelDirs: readonly string[] },
): Promise<void> {
  try {
    if (await keepsTokens(file)) return;
    const found = await Promise.all(options.modelDirs.map((dir) => chatTemplatesOf(dir)));
    const sources = found.filter((each) => each !== undefined);
    if (sources.length === 0) return;
    for await (const row of readRows(file)) {
      const shown = shownToTemplate(row, options.format, file);
      if (shown && !sources.every((each) => isQuick(each, shown))) templateThreads.start();
      return;
    }
  } catch {
    // Whoever loads the data says what is wrong with them.
  }
}

/** Undefined for a row that needs no template. */
function shownToTemplate(
  row: DataRow,
  format: Format | "auto",
  file: string,
): JsonObject | undefined {
  const found = format === "auto" ? detectFormat(row, file) : format;
  const conversation = readConversation(row, found, file);
  if (conversation.kind === "instruction") return { messages: instructionMessages(conversation) };
  return conversation.kind === "chat" ? row.value : undefined;
}
