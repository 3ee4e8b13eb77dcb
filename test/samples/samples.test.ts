/** The sample workspace: its data, its model's folder, its recipes and its fetching script. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFile, mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { parse } from "jsonc-parser";
import { loadDataset } from "../../src/data/dataset.ts";
import { detectFormat, readConversation } from "../../src/data/formats.ts";
import { readJsonLines } from "../../src/data/rows/json-lines.ts";
import { loadTokenizer } from "../../src/data/tokenizer.ts";
import { openBaseModel } from "../../src/models/base-model.ts";
import { recipeSchema } from "../../src/protocol/recipe.ts";
import { resolveRecipe } from "../../src/runs/resolve-recipe.ts";
import { elementCount } from "../../src/util/element-count.ts";

const sample = (name: string): string =>
  fileURLToPath(new URL(`../../samples/${name}`, import.meta.url));

const TINY = "models/retune-tiny";

interface Message {
  role: string;
  content: string;
}

async function readMessages(name: string): Promise<(readonly Message[])[]> {
  const file = sample(`data/${name}.jsonl`);
  const rows: (readonly Message[])[] = [];
  for await (const row of readJsonLines(file)) {
    const conversation = readConversation(row, detectFormat(row, file), file);
    assert.equal(conversation.kind, "chat");
    rows.push(row.value["messages"] as Message[]);
  }
  return rows;
}

const leastRows = {
  "dictionary-train": 220,
  "dictionary-eval": 30,
  "concise-train": 300,
  "concise-eval": 60,
};

for (const [name, least] of Object.entries(leastRows)) {
  test(`${name} has at least ${least} rows of one question and one answer, all different`, async () => {
    const rows = await readMessages(name);
    assert.ok(rows.length >= least, `${rows.length} rows`);
    assert.equal(new Set(rows.map((row) => JSON.stringify(row))).size, rows.length);
    for (const row of rows) {
      assert.deepEqual(
        row.map(({ role }) => role),
        ["user", "assistant"],
      );
    }
  });
}

test("every dictionary answer has the one style, and no question is in both parts", async () => {
  const train = await readMessages("dictionary-train");
  const evaluation = await readMessages("dictionary-eval");
  for (const [, answer] of [...train, ...evaluation]) {
    assert.match(answer?.content ?? "", /^In a word: .+ \(see also: [a-z ,-]+\)\.$/u);
  }
  const asked = new Set(train.map(([question]) => question?.content));
  assert.deepEqual(
    evaluation.filter(([question]) => asked.has(question?.content)),
    [],
  );
});

test("retune-tiny is a Llama of under 2.45 M parameters whose tokenizer fits it", async () => {
  const { architecture } = await openBaseModel(sample(TINY), { needWeights: false });
  const parameters = architecture.tensors.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  assert.ok(parameters < 2.45e6, `${parameters}`);
  const tokenizer = await loadTokenizer(sample(TINY));
  const last = architecture.vocabSize - 1;
  assert.deepEqual(await tokenizer.encode(tokenizer.decode([last])), [last]);
  assert.equal(tokenizer.decode([last + 1]), "");
  assert.deepEqual(
    tokenizer.eosTokenIds.map((id) => tokenizer.decode([id])),
    ["<|im_end|>", "<|endoftext|>"],
  );
});

test("the quick start's rows fit its maxLength, and exactly the answers count", async () => {
  const recipe = await resolveRecipe(sample("quick-start.retune.json"));
  const { format, maxLength, train } = recipe.data;
  const tokenizer = await loadTokenizer(sample(TINY));
  const { examples, report } = await loadDataset(train, {
    tokenizer,
    format,
    maxLength,
    vocabSize: Infinity,
    lossOn: "auto",
    overlong: "error",
  });
  assert.deepEqual(report.withoutCounted, []);
  const rows = await readMessages("dictionary-train");
  for (const [index, { ids, weights }] of [...examples].entries()) {
    const answer = tokenizer.decode([...ids].filter((_, at) => weights[at] === 1));
    assert.equal(answer, `${rows[index]?.[1]?.content}<|im_end|>`);
  }
});

test("every recipe is valid, comments and all", async () => {
  const found = ["", "build"].map(async (folder) =>
    (await readdir(sample(folder)))
      .filter((name) => name.endsWith(".retune.json"))
      .map((name) => path.join(folder, name)),
  );
  const names = (await Promise.all(found)).flat();
  assert.equal(names.length, 5);
  for (const name of names) {
    const value: unknown = parse(await readFile(sample(name), "utf8"), [], {
      allowTrailingComma: true,
    });
    assert.ok(recipeSchema.safeParse(value).success, name);
  }
});

test("without Python, the fetching script says in one line what to do, and leaves nothing", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "retune-"));
  try {
    await copyFile(sample("fetch-smollm2.mjs"), path.join(folder, "fetch.mjs"));
    const { status, stderr } = spawnSync(process.execPath, [path.join(folder, "fetch.mjs")], {
      env: { PATH: folder },
      encoding: "utf8",
    });
    assert.equal(status, 1);
    assert.match(stderr, /^no Python with pip was found\. .*pip download --no-deps .*\n$/u);
    assert.deepEqual(await readdir(folder), ["fetch.mjs"]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
