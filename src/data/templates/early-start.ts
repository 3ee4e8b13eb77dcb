/** Python is started beside what comes before the first rendering, where a rendering is sure to come. */
import { chatTemplatesOf } from "../../util/chat-template-file.ts";
import { type Format, detectFormat, readConversation } from "../formats.ts";
import { readRows } from "../rows/read-rows.ts";
import type { DataRow } from "../rows/row.ts";
import { keepsTokens } from "../token-cache.ts";
import { templateThreads } from "./template-threads.ts";

/**
 * Not for rows that need no template, nor where the tokens may be in the cache: such a file is large
 * enough that it does not matter.
 * @param options.modelDirs where a chat template may be
 */
export async function startTemplates(
  file: string,
  options: { format: Format | "auto"; modelDirs: readonly string[] },
): Promise<void> {
  try {
    if (await keepsTokens(file)) return;
    const sources = await Promise.all(options.modelDirs.map((dir) => chatTemplatesOf(dir)));
    if (sources.every((found) => found === undefined)) return;
    for await (const row of readRows(file)) {
      if (needsTemplate(row, options.format, file)) templateThreads.start();
      return;
    }
  } catch {
    // Whoever loads the data says what is wrong with them.
  }
}

function needsTemplate(row: DataRow, format: Format | "auto", file: string): boolean {
  const found = format === "auto" ? detectFormat(row, file) : format;
  const { kind } = readConversation(row, found, file);
  return kind === "chat" || kind === "instruction";
}
