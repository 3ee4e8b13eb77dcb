/**
 * Which chat templates the quick library renders as transformers does: `npx tsx test/oracle/proven-templates.ts
 * PYTHON [FILE.jinja…]` tries the samples', trl's public ones and the files on random conversations, and writes
 * src/data/templates/proven-templates.ts. A template is proven when no rendering differs; what the library
 * refuses goes to Jinja and differs in nothing. PYTHON has transformers and trl.
 */
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { RenderedRow } from "../../src/data/templates/answer-spans.ts";
import { QuickTemplate } from "../../src/data/templates/quick-template.ts";
import { type CorpusRow, chatCorpus } from "../support/chat-corpus.ts";

const ROWS = 1000;
/** Where the library refuses more, nothing has been shown. */
const MIN_RENDERED = 0.3;

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
const SCRIPT = here("proven_templates.py");
const LIST = here("../../src/data/templates/proven-templates.ts");

type Answer = [text: string | null, spans: [number, number][], asked: string | null];

const NO_ANSWERS = { begin: 0, trained: [], untrained: [] };

/** What differs, or how many texts were equal. */
function compare(
  source: string,
  rows: readonly CorpusRow[],
  theirs: readonly Answer[],
): string | number {
  let equal = 0;
  for (const [index, { messages, variables }] of rows.entries()) {
    const quick = new QuickTemplate(source, variables);
    const [text, spans, asked] = theirs[index] ?? [null, [], null];
    const differs = (found: RenderedRow | undefined, expected: string | null): boolean =>
      found !== undefined && found.text !== expected;
    const whole = quick.render({ messages }, NO_ANSWERS);
    const ask = quick.render({ messages }, null);
    const isMarked = JSON.stringify(whole?.marked ?? []) === JSON.stringify(whole ? spans : []);
    if (differs(whole, text) || differs(ask, asked) || !isMarked) {
      return JSON.stringify({ messages, variables, text, spans, asked, whole, ask: ask?.text });
    }
    equal += Number(whole !== undefined) + Number(ask !== undefined);
  }
  return equal;
}

const [python = "python3", ...files] = process.argv.slice(2);
const listed = execFileSync(python, [SCRIPT, "--list"], { encoding: "utf8" });
const found = Object.entries(JSON.parse(listed) as Record<string, string>).map(
  ([name, source]) => [`trl/${name}`, source] as const,
);
const own = [here("../../samples/models/retune-tiny/chat_template.jinja"), ...files].map(
  (file) => [path.basename(path.dirname(file)), readFileSync(file, "utf8")] as const,
);
/** With and without the line feed at its end, which Jinja leaves out. */
const sources = new Map<string, string>();
for (const [name, source] of [...own, ...found]) {
  for (const each of [source, source.replace(/\n$/u, "")]) sources.set(each, name);
}

const child = spawn(python, [SCRIPT], { stdio: ["pipe", "pipe", "inherit"] });
const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
const proven: [hash: string, name: string][] = [];
for (const [source, name] of sources) {
  // Its text changes from day to day.
  if (source.includes("strftime_now")) continue;
  const rows = chatCorpus(source, ROWS);
  const marks = /\{%[-+]?\s*generation\b/u.test(source);
  let result: string | number;
  try {
    const asked = rows.map((row) => ({ ...row }));
    child.stdin.write(`${JSON.stringify({ source, marks, rows: asked })}\n`);
    const { value } = await lines.next();
    result = compare(source, rows, JSON.parse(value ?? "[]") as Answer[]);
  } catch (error) {
    result = String(error);
  }
  const isProven = typeof result === "number" && result >= 2 * ROWS * MIN_RENDERED;
  const shown =
    typeof result === "number" ? `${result} of ${2 * ROWS} texts equal, others refused` : result;
  console.log(`${isProven ? "proven " : "not    "} ${name}: ${shown.slice(0, 1500)}`);
  if (isProven) proven.push([createHash("sha256").update(source).digest("hex"), name]);
}
child.stdin.end();
const entries = proven
  .toSorted(([a], [b]) => (a < b ? -1 : 1))
  .map(([hash, name]) => `  "${hash}": ${JSON.stringify(name)},`);
writeFileSync(
  LIST,
  `/** Written by test/oracle/proven-templates.ts: sha256 of the templates that it found equal, and whose they are. */
export const PROVEN_TEMPLATES: Readonly<Record<string, string>> = {
${entries.join("\n")}
};
`,
);
console.log(`${proven.length} of ${sources.size} proven`);
