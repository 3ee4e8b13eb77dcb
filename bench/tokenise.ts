/**
 * How long it takes from a file of chat to rows of tokens, and at what peak of memory: the first time, and
 * again. `npx tsx bench/tokenise.ts [ROWS] [MODEL_DIR]` (default: 200,000 rows, 83 MB; the sample model).
 */
import { spawnSync } from "node:child_process";
import { createWriteStream, mkdtempSync, rmSync, statSync } from "node:fs";
import { once } from "node:events";
import { tmpdir } from "node:os";
import path from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { loadDataset } from "../src/data/dataset.ts";
import { loadTokenizer } from "../src/data/tokenizer.ts";

const SELF = fileURLToPath(import.meta.url);
const SAMPLE = fileURLToPath(new URL("../samples/models/retune-tiny", import.meta.url));

/** Two turns of English, some 415 bytes a row. */
async function writeRows(file: string, rows: number): Promise<void> {
  const random = xoroshiro128plus(7);
  const words =
    "the river runs from mountains to sea and on its way turns wheels of old mills while people ask what a model learns when weights move little by little towards an answer that nobody has written yet".split(
      " ",
    );
  const say = (count: number): string =>
    Array.from({ length: count }, () => words[uniformInt(random, 0, words.length - 1)]).join(" ");
  const stream = createWriteStream(file);
  for (let row = 0; row < rows; row++) {
    const messages = [
      { role: "user", content: `${say(uniformInt(random, 5, 25))}?` },
      { role: "assistant", content: `${say(uniformInt(random, 15, 85))}.` },
    ];
    if (!stream.write(`${JSON.stringify({ messages })}\n`)) await once(stream, "drain");
  }
  stream.end();
  await once(stream, "finish");
}

async function measure(file: string, modelDir: string): Promise<void> {
  const delays = monitorEventLoopDelay({ resolution: 5 });
  delays.enable();
  const before = process.resourceUsage().maxRSS / 1024;
  const started = performance.now();
  const tokenizer = await loadTokenizer(modelDir);
  const loaded = performance.now();
  const { examples, report } = await loadDataset(file, {
    tokenizer,
    vocabSize: Infinity,
    format: "auto",
    lossOn: "auto",
    maxLength: 512,
    overlong: "truncate",
  });
  const ended = performance.now();
  delays.disable();
  const seconds = (ended - loaded) / 1000;
  const peak = process.resourceUsage().maxRSS / 1024;
  console.log(
    `${examples.length} rows, ${(report.tokens / 1e6).toFixed(1)} M tokens: tokenizer ${((loaded - started) / 1000).toFixed(2)} s, rows ${seconds.toFixed(2)} s (${Math.round(report.rows / seconds)} a second), peak ${peak.toFixed(0)} MB (${before.toFixed(0)} before), thread held at most ${(delays.max / 1e6).toFixed(0)} ms`,
  );
}

async function main(): Promise<void> {
  const [first, second] = process.argv.slice(2);
  if (
    first !== undefined &&
    second !== undefined &&
    statSync(first, { throwIfNoEntry: false })?.isFile()
  ) {
    return measure(first, second);
  }
  const dir = mkdtempSync(path.join(tmpdir(), "retune-tokenise-"));
  try {
    const file = path.join(dir, "rows.jsonl");
    await writeRows(file, Number(first ?? 200_000));
    console.log(`${(statSync(file).size / 1e6).toFixed(0)} MB`);
    const env = { ...process.env, RETUNE_CACHE: path.join(dir, "cache") };
    for (const time of ["first", "again"]) {
      const args = ["--import", "tsx", SELF, file, second ?? SAMPLE];
      const { stdout, stderr } = spawnSync(process.execPath, args, { env, encoding: "utf8" });
      console.log(`${time}: ${stdout.trim()}${stderr}`);
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

await main();
