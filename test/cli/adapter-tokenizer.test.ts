/** The tokenizer and chat template in an adapter's own folder, and negative numbers as values, through the command. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { loadTokenizer } from "../../src/data/tokenizer.ts";
import { tokenizerPlace } from "../../src/adapter-files/tokenizer-place.ts";
import { retune, tinyWorkspace } from "../support/retune.ts";
import { writeTinyAdapter } from "../support/tiny-llama.ts";

const TEMPLATE =
  "{% for message in messages %}[{{ message['role'] }}]{{ message['content'] }}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}";

interface Workspace {
  base: string;
  adapter: string;
  dir: string;
}

function workspace(t: TestContext): Workspace {
  const dir = tinyWorkspace(t);
  const [base, adapter] = [path.join(dir, "model"), path.join(dir, "adapter")];
  writeTinyAdapter(adapter, "model");
  return { base, adapter, dir };
}

/** Merged without comparing answers. @param name the output's folder, in the workspace */
async function mergedFolder(
  { base, adapter, dir }: Workspace,
  name = "merged",
  more: readonly string[] = [],
): Promise<string> {
  const out = path.join(dir, name);
  const args = ["--adapter", adapter, ...more, "--out", out, "--no-check"];
  const { code, stderr } = await retune("merge", base, ...args);
  assert.equal(code, 0, stderr);
  return out;
}

type Json = Record<string, unknown>;
const readJson = (file: string): Json => JSON.parse(readFileSync(file, "utf8")) as Json;

/** The base's tokenizer with a token more, as TRL saves it beside the adapter. */
function writeOwnTokenizer(base: string, adapter: string): void {
  const tokenizer = readJson(path.join(base, "tokenizer.json"));
  const added = tokenizer["added_tokens"] as Json[];
  const own = { ...added[0], id: 259, content: "<|tool|>" };
  const changed = { ...tokenizer, added_tokens: [...added, own] };
  writeFileSync(path.join(adapter, "tokenizer.json"), JSON.stringify(changed));
  const config = readJson(path.join(base, "tokenizer_config.json"));
  const { chat_template: _, ...kept } = config;
  writeFileSync(path.join(adapter, "tokenizer_config.json"), JSON.stringify(kept));
}

const OWN = /adapter has its own tokenizer and chat template, which differ from the base's: used/;

test("the adapter's own template is used by generate, eval and the merged folder, and told", async (t) => {
  const { base, adapter, dir } = workspace(t);
  writeOwnTokenizer(base, adapter);
  writeFileSync(path.join(adapter, "chat_template.jinja"), TEMPLATE);
  const chat = path.join(dir, "chat.jsonl");
  const messages = [
    { role: "user", content: "<|tool|>" },
    { role: "assistant", content: "Yes." },
  ];
  writeFileSync(chat, JSON.stringify({ messages }));
  const tokens = async (...args: string[]): Promise<number> => {
    const { code, stdout, stderr } = await retune(
      "eval",
      ...args,
      "--data",
      chat,
      "--loss-on",
      "all",
      "--json",
    );
    assert.equal(code, 0, stderr);
    if (args.includes("--adapter")) assert.match(stderr, OWN);
    return (JSON.parse(stdout) as { tokens: number }).tokens;
  };
  // [user], one token for <|tool|>, [assistant]Yes.; less the first, which nothing predicts
  const refused = await retune("eval", base, "--adapter", adapter, "--data", chat, "--json");
  assert.match(refused.stderr, /token 259.*outside the model's vocabulary of 259/);
  messages[0]!.content = "Go?";
  writeFileSync(chat, JSON.stringify({ messages }));
  assert.equal(await tokens(base, "--adapter", adapter), "[user]Go?[assistant]Yes.".length - 1);
  assert.notEqual(await tokens(base), "[user]Go?[assistant]Yes.".length - 1);
  const generated = await retune(
    "generate",
    base,
    "--adapter",
    adapter,
    "--prompt",
    "Go?",
    "--max-tokens",
    "2",
  );
  assert.equal(generated.code, 0, generated.stderr);
  assert.match(generated.stderr, OWN);
  const out = path.join(dir, "merged");
  const merged = await retune("merge", base, "--adapter", adapter, "--out", out);
  assert.equal(merged.code, 0, merged.stderr);
  assert.match(merged.stderr, OWN);
  assert.equal(readFileSync(path.join(out, "chat_template.jinja"), "utf8"), TEMPLATE);
  for (const name of ["tokenizer.json", "tokenizer_config.json"]) {
    assert.deepEqual(readJson(path.join(out, name)), readJson(path.join(adapter, name)), name);
  }
  assert.equal(await tokens(out), "[user]Go?[assistant]Yes.".length - 1);
});

test("an adapter with a template alone: the base's tokenizer, and the template goes before the base's", async (t) => {
  const folders = workspace(t);
  const { base, adapter } = folders;
  writeFileSync(path.join(adapter, "chat_template.jinja"), TEMPLATE);
  const place = await tokenizerPlace(base, adapter);
  assert.match(place.note ?? "", /has its own chat template, which differs from the base's/);
  assert.equal(place.tokenizerDir, base);
  const { chatTemplate } = await loadTokenizer(base, place);
  assert.equal(
    await chatTemplate?.renderPrompt([{ role: "user", content: "a" }]),
    "[user]a[assistant]",
  );
  const out = await mergedFolder(folders);
  assert.equal(readFileSync(path.join(out, "chat_template.jinja"), "utf8"), TEMPLATE);
  assert.ok(existsSync(path.join(out, "tokenizer.json")));
});

test("a tokenizer without a template leaves the base's template; one that is the base's own is not told", async (t) => {
  const folders = workspace(t);
  const { base, adapter } = folders;
  writeOwnTokenizer(base, adapter);
  const place = await tokenizerPlace(base, adapter);
  assert.deepEqual([place.tokenizerDir, place.templateDir], [adapter, base]);
  const out = await mergedFolder(folders);
  const { chat_template: template } = readJson(path.join(base, "tokenizer_config.json"));
  assert.equal(readFileSync(path.join(out, "chat_template.jinja"), "utf8"), template);
  // As a run leaves it: the same tokens, cut and padded.
  const own = readJson(path.join(base, "tokenizer.json"));
  const truncation = { direction: "Right", max_length: 64, strategy: "LongestFirst", stride: 0 };
  writeFileSync(
    path.join(adapter, "tokenizer.json"),
    JSON.stringify({ ...own, truncation }, null, 2),
  );
  assert.equal((await tokenizerPlace(base, adapter)).note, undefined);
  rmSync(path.join(adapter, "tokenizer.json"));
  assert.equal((await tokenizerPlace(base, adapter)).note, undefined);
});

test("a number below 0 is a value, with and without =", async (t) => {
  const folders = workspace(t);
  const { base, adapter, dir } = folders;
  for (const [index, given] of [
    ["--weight", "-0.5"],
    ["--weight=-0.5"],
    ["--weight", "-.5"],
  ].entries()) {
    await mergedFolder(folders, `out-${index}`, given);
  }
  const bytes = (name: string): Buffer => readFileSync(path.join(dir, name, "model.safetensors"));
  assert.deepEqual(bytes("out-0"), bytes("out-1"));
  assert.deepEqual(bytes("out-0"), bytes("out-2"));
  const wrong = await retune("generate", base, "--prompt", "a", "--temperature", "-1");
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /--temperature must be a number of at least 0, found "-1"/);
  // All that a merge takes but the weight's number: it is for that alone that nothing is written.
  const without = ["--adapter", adapter, "--weight", "--out", path.join(dir, "x"), "--no-check"];
  const option = await retune("merge", base, ...without);
  assert.equal(option.code, 2);
  assert.match(option.stderr, /--weight/);
  assert.ok(!readdirSync(dir).includes("x"));
});
