/**
 * How long it takes from a file of chat to rows of tokens, and at what peak of memory: the first time, again,
 * and beside the `tokenizers` library alone in Python on the same texts, in turns:
 *
 *     npm run bench:tokenise -- [--rows 200000] [--rounds 3] [--model DIR] [--python PY]
 */
import { execFileSync } from "node:child_process";
import { createWriteStream, mkdtempSync, rmSync, statSync } from "node:fs";
import { once } from "node:events";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { assignedFields } from "../../.ci/assigned-fields.mjs";
import { readRows } from "../../src/data/rows/read-rows.ts";
import { inBatches } from "../../src/data/row-batches.ts";
import { renderRows } from "../../src/data/templates/row-text.ts";
import { loadTokenizer } from "../../src/data/tokenizer.ts";
import type { Figures, OwnFigures } from "./once.ts";

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
/** Beside the threads that it may start. */
const ONCE = here("../../dist/bench-tokenise.cjs");
const LIBRARY = here("library.py");

/** Two turns of English, some 415 bytes a row. */
async function writeRows(file: string, rows: number): Promise<void> {
  const random = xoroshiro128plus(7);
  const words =
    "the river runs from mountains to sea and on its way turns wheels of old mills while people ask what a model learns when weights move little by little towards an answer that nobody has written yet".split(
      " ",
    );
  const say = (count: number): string =>
    Array.from({ length: count }, () => words[uniformInt(random, 0, words.length - 1)]).join(" ");
  const lines = Array.from({ length: rows }, () => {
    const messages = [
      { role: "user", content: `${say(uniformInt(random, 5, 25))}?` },
      { role: "assistant", content: `${say(uniformInt(random, 15, 85))}.` },
    ];
    return JSON.stringify({ messages });
  });
  await writeLines(file, lines);
}

async function writeLines(file: string, lines: Iterable<string> | AsyncIterable<string>) {
  const stream = createWriteStream(file);
  for await (const line of lines) {
    if (!stream.write(`${line}\n`)) await once(stream, "drain");
  }
  stream.end();
  await once(stream, "finish");
}

/** What the library is given. */
async function* textsOf(file: string, modelDir: string): AsyncGenerator<string> {
  const { chatTemplate } = await loadTokenizer(modelDir);
  const source = { file, format: "auto", chatTemplate } as const;
  for await (const batch of inBatches(readRows(file), (rows) => renderRows(rows, source))) {
    for (const each of batch) {
      if (each instanceof Error) throw each;
      yield JSON.stringify(each.text);
    }
  }
  await chatTemplate?.close();
}

/** As it is shipped. */
async function bundle(): Promise<void> {
  await build({
    entryPoints: [here("once.ts")],
    outfile: ONCE,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    external: ["tokenizers"],
    plugins: [assignedFields],
    define: { "import.meta.dirname": "__dirname", "process.env.RETUNE_BUNDLED": '"1"' },
    logLevel: "error",
  });
}

function run<Found>(command: string, args: readonly string[], cache?: string): Found {
  const env = { ...process.env, ...(cache === undefined ? {} : { RETUNE_CACHE: cache }) };
  return JSON.parse(execFileSync(command, args, { env, encoding: "utf8" })) as Found;
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;

function line(
  name: string,
  runs: readonly Figures[],
  base: readonly Figures[] | undefined,
): string {
  const of = (all: readonly Figures[], key: keyof Figures): number =>
    median(all.map((each) => each[key]));
  const ratio = (key: keyof Figures): string =>
    base ? (of(runs, key) / of(base, key)).toFixed(2) : "";
  const seconds = runs.map((each) => each.seconds);
  const range = `${Math.min(...seconds).toFixed(1)}–${Math.max(...seconds).toFixed(1)}`;
  const cells = [
    name,
    `${of(runs, "seconds").toFixed(1)} [${range}]`,
    of(runs, "cpuSeconds").toFixed(1),
    of(runs, "peakMb").toFixed(0),
    ratio("seconds"),
    ratio("cpuSeconds"),
  ];
  return `| ${cells.join(" | ")} |`;
}

interface Measured {
  name: string;
  runs: Figures[];
  measure: () => Figures;
}

async function main(dir: string): Promise<void> {
  const { values } = parseArgs({
    options: {
      rows: { type: "string", default: "200000" },
      rounds: { type: "string", default: "3" },
      model: { type: "string", default: here("../../samples/models/retune-tiny") },
      python: { type: "string" },
    },
  });
  const { python, model } = values;
  const [file, texts] = [path.join(dir, "rows.jsonl"), path.join(dir, "texts.jsonl")];
  await writeRows(file, Number(values.rows));
  if (python !== undefined) await writeLines(texts, textsOf(file, model));
  await bundle();
  const cache = path.join(dir, "cache");
  const own = (): OwnFigures => run(process.execPath, [ONCE, file, model], cache);
  const library = (...flags: string[]): Figures =>
    run(python ?? "", [LIBRARY, texts, path.join(model, "tokenizer.json"), ...flags]);
  const measured = (name: string, measure: () => Figures): Measured => ({
    name,
    runs: [],
    measure,
  });
  const all = [
    ...(python === undefined
      ? []
      : [
          measured("tokenizers in Python", () => library()),
          measured("… without offsets", () => library("--fast")),
        ]),
    measured("retune, first time", () => {
      rmSync(cache, { recursive: true, force: true });
      return own();
    }),
    measured("retune, again", own),
  ];
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const { runs, measure } of all) runs.push(measure());
  }
  const counts = new Set(all.flatMap(({ runs }) => runs.map(({ tokens }) => tokens)));
  console.log(`${(statSync(file).size / 1e6).toFixed(0)} MB, tokens: ${[...counts].join(", ")}`);
  const base = python === undefined ? undefined : all[0]?.runs;
  console.log("| what | s [min–max] | CPU s | peak MB | time ÷ tokenizers | CPU ÷ tokenizers |");
  console.log("| --- | --: | --: | --: | --: | --: |");
  for (const { name, runs } of all) console.log(line(name, runs, base));
}

const dir = mkdtempSync(path.join(tmpdir(), "retune-tokenise-"));
try {
  await main(dir);
} finally {
  rmSync(dir, { recursive: true, force: true });
  rmSync(ONCE, { force: true });
}
