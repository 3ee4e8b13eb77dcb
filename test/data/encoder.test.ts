/** Patterns that the library would end the whole process at. */
import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Encoder } from "../../src/data/encoder.ts";
import { isPlainPattern } from "../../src/data/plain-patterns.ts";
import type { TokenisedText } from "../../src/data/tokenised-text.ts";
import { loadTokenizer } from "../../src/data/tokenizer.ts";
import { makeRun, readState, retune, startTrainer, writeRecipe } from "../support/retune.ts";

const SAMPLE = fileURLToPath(new URL("../../samples/models/retune-tiny", import.meta.url));
const HOSTILE = "(a+)+$";
const TEXT = `${"a".repeat(40)}!`;
const folder = await mkdtemp(path.join(tmpdir(), "retune-encoder-"));
after(() => rm(folder, { recursive: true }));

type Json = Record<string, unknown>;

async function model(name: string, change: (tokenizer: Json) => Json): Promise<string> {
  const dir = path.join(folder, name);
  await cp(SAMPLE, dir, { recursive: true });
  const file = path.join(dir, "tokenizer.json");
  const tokenizer = JSON.parse(await readFile(file, "utf8")) as Json;
  await writeFile(file, JSON.stringify({ ...tokenizer, ...change(tokenizer) }));
  return dir;
}

const split =
  (pattern: string) =>
  ({ pre_tokenizer }: Json): Json => ({
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: pattern }, behavior: "Isolated", invert: false },
        pre_tokenizer,
      ],
    },
  });
const splitting = await model("split", split(HOSTILE));
const replacing = await model("replace", () => ({
  normalizer: { type: "Replace", pattern: { Regex: HOSTILE }, content: "b" },
}));
const data = path.join(folder, "data.jsonl");
await writeFile(data, `${JSON.stringify({ prompt: TEXT, completion: "b" })}\n`);

const SAFE = {
  gpt2: String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
  llama3: String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  qwen2: String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  o200k: String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  deepseek:
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
};
for (const [name, pattern] of Object.entries(SAFE)) {
  test(`the pattern of ${name} is plain`, () => assert.ok(isPlainPattern(pattern)));
}
const ODD = [
  "(a+)+$",
  "(a|b+)+c",
  "(a|a)*b",
  "a*a*b",
  "(a*|c)d",
  "a{1,9}+b",
  "(x)\\1",
  "a?".repeat(30),
  "[a",
  "(?:a{2,}){3}",
  "((a|b)?){9}",
  "(?~a)",
  "[a(?x]+]a*b*c",
  "(",
  ")",
];
for (const pattern of ODD) {
  test(`${pattern} is not plain`, () => assert.ok(!isPlainPattern(pattern)));
}

for (const [name, dir] of Object.entries({ splitting, replacing })) {
  test(`${name} by a hostile pattern is an error, and the tokenizer works on`, async () => {
    const tokenizer = await loadTokenizer(dir);
    await assert.rejects(
      tokenizer.encode(TEXT),
      /tokenizer\.json: .*broke down on a text \(SIGABRT\).*"\(a\+\)\+\$"/u,
    );
    assert.ok((await tokenizer.encode("hello")).length > 0);
  });
}

test("ids and masks are the same in a process of its own", async () => {
  const own = await loadTokenizer(await model("own", split("(?:qqq+)+")));
  const here = await loadTokenizer(await model("here", split("qqqq")));
  const texts = ["What is 12 + 30? ", "🙂 né  à\n\nx 𝒳 end", ""];
  for (const addSpecialTokens of [false, true]) {
    const [mine, theirs] = await Promise.all(
      [own, here].map((each) => each.encodeBatch(texts, { addSpecialTokens })),
    );
    for (const [index, text] of texts.entries()) {
      assertAlike(text, mine?.[index], theirs?.[index]);
    }
  }
});

function assertAlike(text: string, mine?: TokenisedText, theirs?: TokenisedText): void {
  assert.deepEqual(mine?.ids, theirs?.ids);
  assert.equal(mine?.ownEnd, theirs?.ownEnd);
  for (let end = 1; end <= text.length; end++) {
    const spans = [[end - 1, end]] as const;
    assert.deepEqual(mine?.flags(spans), theirs?.flags(spans));
  }
}

test("a process that does not answer is ended", async () => {
  const file = path.join(SAMPLE, "tokenizer.json");
  const text = await readFile(file, "utf8");
  const encoder = new Encoder({ file, text, added: [], patterns: ["x"], limitMs: 1 });
  await assert.rejects(
    encoder.encode(["a"], false),
    /not done with a batch of texts after 0\.001 s/u,
  );
});

test("commands end with one line and code 2", async () => {
  const change = { base: splitting, data: { train: data } };
  const recipe = writeRecipe(folder, change);
  const all = await Promise.all([
    retune("generate", splitting, "--raw", "--prompt", TEXT),
    retune("eval", replacing, "--data", data),
    retune("train", recipe),
  ]);
  for (const { code, stderr } of all) {
    assert.equal(code, 2, stderr);
    assert.match(stderr, /tokenizer\.json: the tokenizer broke down on a text \(SIGABRT\)/u);
    assert.doesNotMatch(stderr, /panicked|RUST_BACKTRACE|\n\s+at /u);
  }
  const runDir = await makeRun(folder, change);
  const trainer = await (await startTrainer(runDir)).finished;
  assert.doesNotMatch(trainer.stderr, /panicked/u);
  const { status, message } = readState(runDir);
  assert.equal(status, "failed");
  assert.match(message ?? "", /broke down on a text \(SIGABRT\)/u);
});
