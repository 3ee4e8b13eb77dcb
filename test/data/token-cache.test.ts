/** Tokenised data files are found again, and only where nothing they depend on has changed. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { type Dataset, type DatasetOptions, loadDataset } from "../../src/data/dataset.ts";
import { loadLabelledRows } from "../../src/data/labelled-rows.ts";
import { type Tokenizer, loadTokenizer } from "../../src/data/tokenizer.ts";
import { writeTinyLlama } from "../support/tiny-llama.ts";

interface Bench {
  dir: string;
  file: string;
  /** Paths of the cache's files. */
  cached: () => string[];
  /** @returns also how many batches were tokenised */
  load: (options?: Partial<DatasetOptions>) => Promise<{ dataset: Dataset; batches: number }>;
}

function bench(t: TestContext, rows = 3000): Bench {
  const dir = mkdtempSync(path.join(tmpdir(), "retune-token-cache-"));
  const cache = path.join(dir, "cache");
  const before = process.env["RETUNE_CACHE"];
  process.env["RETUNE_CACHE"] = cache;
  t.after(() => {
    rmSync(dir, { recursive: true });
    if (before === undefined) delete process.env["RETUNE_CACHE"];
    else process.env["RETUNE_CACHE"] = before;
  });
  writeTinyLlama(dir);
  const file = path.join(dir, "rows.jsonl");
  writeRows(file, rows);
  const cached = (): string[] => {
    try {
      return readdirSync(path.join(cache, "tokens")).map((name) =>
        path.join(cache, "tokens", name),
      );
    } catch {
      return [];
    }
  };
  const load: Bench["load"] = async (options) => {
    const tokenizer = await loadTokenizer(dir);
    let batches = 0;
    const counting: Tokenizer = {
      ...tokenizer,
      encodeBatch: (...given) => {
        batches++;
        return tokenizer.encodeBatch(...given);
      },
    };
    const dataset = await loadDataset(file, {
      tokenizer: counting,
      vocabSize: 259,
      format: "auto",
      lossOn: "auto",
      maxLength: 100,
      overlong: "truncate",
      ...options,
    });
    return { dataset, batches };
  };
  return { dir, file, cached, load };
}

function writeRows(file: string, rows: number, answer = "é 👩 yes"): void {
  const lines = Array.from({ length: rows }, (_, row) =>
    JSON.stringify({
      prompt: `What is ${row} times ${row + 1}? `.repeat(1 + (row % 5)),
      completion: answer,
    }),
  );
  writeFileSync(file, lines.join("\n"));
}

function contents({ examples, report }: Dataset): unknown {
  const rows = [...examples].map(({ ids, weights, line }) => [line, ids.join(), weights.join("")]);
  return { rows, report };
}

test("the second time nothing is tokenised, and all is the same", async (t) => {
  const { load, cached } = bench(t);
  const first = await load();
  assert.ok(first.batches > 5);
  assert.equal(cached().length, 1);
  const again = await load();
  assert.equal(again.batches, 0);
  assert.deepEqual(contents(again.dataset), contents(first.dataset));
  assert.ok(first.dataset.report.truncated.length > 0);
});

test("another file, option, template or special token is another entry", async (t) => {
  const { dir, file, load, cached } = bench(t);
  await load();
  const changes = [
    () => load({ lossOn: "all" }),
    () => load({ maxLength: 50 }),
    () => {
      writeFileSync(path.join(dir, "chat_template.jinja"), "{{ messages[0]['content'] }}");
      return load();
    },
    () => {
      writeFileSync(path.join(dir, "special_tokens_map.json"), '{"eos_token": "<|im_start|>"}');
      return load();
    },
    () => {
      // As long as before.
      writeRows(file, 3000, "é 👩 yet");
      return load();
    },
  ];
  for (const [index, change] of changes.entries()) {
    assert.ok((await change()).batches > 0, `change ${index}`);
    assert.equal(cached().length, index + 2);
  }
});

for (const [name, spoil] of [
  ["a flipped bit", (bytes: Buffer) => void (bytes[2000]! ^= 4)],
  ["a missing end", (bytes: Buffer) => bytes.subarray(0, -7)],
  ["a header of nonsense", (bytes: Buffer) => void bytes.fill(0xff, 0, 40)],
  ["nothing in it", () => Buffer.alloc(0)],
] as const) {
  test(`an entry with ${name} is made again`, async (t) => {
    const { load, cached } = bench(t);
    const first = await load();
    const [file = ""] = cached();
    const bytes = readFileSync(file);
    writeFileSync(file, spoil(bytes) ?? bytes);
    const again = await load();
    assert.ok(again.batches > 0);
    assert.deepEqual(contents(again.dataset), contents(first.dataset));
    assert.equal((await load()).batches, 0);
  });
}

test("small files are not kept, and what a killed process left goes", async (t) => {
  const small = bench(t, 50);
  assert.ok((await small.load()).batches > 0);
  assert.deepEqual(small.cached(), []);
  writeRows(small.file, 3000);
  await small.load();
  const [entry = ""] = small.cached();
  const left = `${entry}.1-abc.tmp`;
  writeFileSync(left, "half");
  utimesSync(left, new Date(0), new Date(0));
  await small.load({ maxLength: 60 });
  assert.ok(!small.cached().includes(left));
  assert.equal(small.cached().length, 2);
});

test("a cache that can't be written is none", async (t) => {
  const { dir, load } = bench(t);
  process.env["RETUNE_CACHE"] = path.join(dir, "rows.jsonl");
  assert.ok((await load()).batches > 0);
  assert.ok((await load()).batches > 0);
});

test("while rows are tokenised, the thread hears of other things", async (t) => {
  const { load } = bench(t, 20_000);
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  const { batches } = await load();
  clearInterval(timer);
  assert.ok(turns > batches / 4, `${turns} turns in ${batches} batches`);
});

test("texts with labels are tokenised once, whatever their objective makes of them", async (t) => {
  const { dir, cached } = bench(t);
  const file = path.join(dir, "labelled.jsonl");
  const rows = Array.from({ length: 6000 }, (_, index) => {
    const text = `row number ${index} has a text that is ${"so ".repeat(index % 9)}long`;
    return { text, label: index % 2, labels: [String(index % 2), "all"] };
  });
  writeFileSync(file, rows.map((row) => JSON.stringify(row)).join("\n"));
  let batches = 0;
  const tokenizer = await loadTokenizer(dir);
  const counting: Tokenizer = {
    ...tokenizer,
    encodeBatch: (...given) => {
      batches++;
      return tokenizer.encodeBatch(...given);
    },
  };
  const load = (problem: "single-label" | "multi-label", maxLength: number) => {
    const labels = problem === "single-label" ? ["0", "1"] : ["0", "1", "all"];
    const shared = { vocabSize: 259, labels, overlong: "truncate" } as const;
    return loadLabelledRows(file, { ...shared, tokenizer: counting, problem, maxLength });
  };
  const first = await load("single-label", 40);
  assert.ok(batches > 0);
  assert.equal(cached().length, 1);
  batches = 0;
  const again = await load("single-label", 40);
  assert.equal(batches, 0);
  assert.deepEqual(again, first);
  const others = await load("multi-label", 60);
  assert.equal(batches, 0);
  for (const [index, { ids, weights, label }] of others.examples.entries()) {
    const whole = await tokenizer.encode(rows[index]!.text);
    assert.deepEqual([...ids], whole.slice(0, 60));
    assert.equal(weights.lastIndexOf(1), ids.length - 1);
    assert.deepEqual(label, [index % 2, 2]);
    if (index === 20) break;
  }
});
