/**
 * Public chat templates against transformers: `python test/oracle/chat_templates.py OUT.json`, then
 * `npx tsx test/oracle/chat-templates.ts OUT.json`.
 */
import { readFile } from "node:fs/promises";
import { ChatTemplate } from "../../src/data/templates/chat-template.ts";
import { templateThreads } from "../../src/data/templates/template-threads.ts";
import { InputError, errorMessage } from "../../src/util/errors.ts";
import { chatRow } from "../support/chat-row.ts";

interface Rendering {
  file: string;
  name: string;
  ask: boolean;
  source: string;
  /** JSON as Python writes it. */
  row: string;
  /** Null where transformers refuses. */
  text: string | null;
}

const [file = ""] = process.argv.slice(2);
const { special, results } = JSON.parse(await readFile(file, "utf8")) as {
  special: Record<string, string>;
  results: Rendering[];
};

async function ours({ source, row, ask, file: name }: Rendering): Promise<string | null> {
  const template = new ChatTemplate({ file: name, byName: { default: source } }, special);
  if (ask) {
    const { messages, tools } = JSON.parse(row) as { messages: object[]; tools?: object[] };
    return template.renderPrompt(messages, tools).catch(refused);
  }
  const [result] = await template.renderRows([chatRow(row)]);
  return result && "text" in result ? result.text : refused(result);
}

function refused(error: unknown): null {
  if (error instanceof InputError) return null;
  throw error;
}

let wrong = 0;
for (const each of results) {
  const text = await ours(each).catch((error: unknown) => errorMessage(error));
  if (text === each.text) continue;
  wrong++;
  console.log(`${each.file}, ${each.name}, ask ${each.ask}:\n${each.text}\n--- ours\n${text}`);
}
await templateThreads.close();
const refusals = results.filter(({ text }) => text === null).length;
console.log(`${results.length} renderings (${refusals} refused by both), ${wrong} differ`);
process.exitCode = wrong > 0 ? 1 : 0;
