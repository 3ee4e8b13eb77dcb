/**
 * Whatever is wrong with what a person gives: exit code 2, one line on standard error that names
 * the file, the place and the way out, and nothing new on the disk.
 */
import assert from "node:assert/strict";
import {
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { test } from "node:test";
import type { RecipeInput } from "../../src/protocol/recipe.ts";
import { retune, tinyWorkspace, writeRecipe } from "../support/retune.ts";

interface Case {
  /** Prepares the workspace; what it returns changes the recipe. */
  spoil: (dir: string) => Partial<RecipeInput> | void;
  says: RegExp;
}

type Json = Record<string, unknown>;

function edit(file: string, change: (json: Json) => Json): void {
  writeFileSync(file, JSON.stringify(change(JSON.parse(readFileSync(file, "utf8")) as Json)));
}

function readHeader(file: string): { header: Json; data: Buffer } {
  const bytes = readFileSync(file);
  const end = 8 + Number(bytes.readBigUInt64LE());
  return { header: JSON.parse(bytes.toString("utf8", 8, end)) as Json, data: bytes.subarray(end) };
}

function tensorNames(file: string): string[] {
  return Object.keys(readHeader(file).header).filter((name) => name !== "__metadata__");
}

/** Rewrites the header of model.safetensors, bytes untouched. */
function editHeader(dir: string, change: (header: Json) => Json): void {
  const file = path.join(dir, "model/model.safetensors");
  const { header: before, data: rest } = readHeader(file);
  const header = JSON.stringify(change(before));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(header)));
  writeFileSync(file, Buffer.concat([length, Buffer.from(header), rest]));
}

function listing(dir: string): string[] {
  return (readdirSync(dir, { recursive: true }) as string[]).toSorted();
}

const row = (prompt: string): string => JSON.stringify({ prompt, completion: " yes" });
const data = (dir: string, text: string): void => writeFileSync(path.join(dir, "data.jsonl"), text);
const Q = "model.layers.0.self_attn.q_proj.weight";

const cases: Record<string, Case> = {
  "a truncated safetensors file": {
    spoil: (dir) => truncateSync(path.join(dir, "model/model.safetensors"), 20_000),
    says: /model\.safetensors: .*truncated/,
  },
  "a header that claims more than the file": {
    spoil: (dir) => {
      const file = path.join(dir, "model/model.safetensors");
      const bytes = readFileSync(file);
      bytes.writeBigUInt64LE(2n ** 50n);
      writeFileSync(file, bytes);
    },
    says: /model\.safetensors: the header claims \d+ bytes of a file of \d+/,
  },
  "a tensor whose offsets contradict its shape": {
    spoil: (dir) =>
      editHeader(dir, (header) => ({
        ...header,
        [Q]: { ...(header[Q] as Json), shape: [32, 64] },
      })),
    says: /model\.safetensors: tensor .*q_proj\.weight.*needs \d+ bytes/,
  },
  "a missing shard": {
    spoil: (dir) => {
      renameSync(
        path.join(dir, "model/model.safetensors"),
        path.join(dir, "model/model-00001-of-00002.safetensors"),
      );
      const first = "model-00001-of-00002.safetensors";
      const weight_map = {
        ...Object.fromEntries(
          tensorNames(path.join(dir, "model", first)).map((name) => [name, first]),
        ),
        "lm_head.weight": "model-00002-of-00002.safetensors",
      };
      const index = path.join(dir, "model/model.safetensors.index.json");
      writeFileSync(index, JSON.stringify({ weight_map }));
    },
    says: /model-00002-of-00002\.safetensors is missing/,
  },
  "a shard outside the model's folder": {
    spoil: (dir) => {
      rmSync(path.join(dir, "model/model.safetensors"));
      const weight_map = { "model.norm.weight": "../../etc/passwd" };
      const file = path.join(dir, "model/model.safetensors.index.json");
      writeFileSync(file, JSON.stringify({ weight_map }));
    },
    says: /index\.json: tensor model\.norm\.weight is placed in "\.\.\/\.\.\/etc\/passwd", expected .* of the model's own folder/,
  },
  "shapes that contradict config.json": {
    spoil: (dir) =>
      edit(path.join(dir, "model/config.json"), (json) => ({ ...json, intermediate_size: 96 })),
    says: /model\.safetensors: tensor .*proj\.weight is \[.*config\.json calls for \[/,
  },
  "a tensor that config.json calls for and the file lacks": {
    spoil: (dir) =>
      edit(path.join(dir, "model/config.json"), (json) => ({ ...json, num_hidden_layers: 3 })),
    says: /num_hidden_layers is 3, but the weights have 2 layers/,
  },
  "an unknown model_type": {
    spoil: (dir) =>
      edit(path.join(dir, "model/config.json"), (json) => ({ ...json, model_type: "mamba" })),
    says: /config\.json: .*"?mamba"?.*llama/,
  },
  "a base model that does not exist": {
    spoil: () => ({ base: "no-such-model" }),
    says: /tiny\.retune\.json:\d+: base model .*no-such-model does not exist/,
  },
  "a base without tokenizer": {
    spoil: (dir) => rmSync(path.join(dir, "model/tokenizer.json")),
    says: /no tokenizer\.json/,
  },
  "a row with a token that the model lacks": {
    spoil: (dir) => {
      edit(path.join(dir, "model/tokenizer.json"), (json) => {
        const added = json["added_tokens"] as Json[];
        return { ...json, added_tokens: [...added, { ...added[0], id: 259, content: "<more>" }] };
      });
      return data(dir, `${row("a")}\n${row("b <more>")}`);
    },
    says: /data\.jsonl:2: token 259 \("<more>"\) is outside the model's vocabulary of 259/,
  },
  "a broken line of JSONL": {
    spoil: (dir) => data(dir, `${row("a")}\n${row("b")}\n{"prompt": "c", "compl\n${row("d")}`),
    says: /data\.jsonl:3:\d+: not valid JSON: /,
  },
  "a row that fits no format": {
    spoil: (dir) => data(dir, `${row("a")}\n{"question": "b"}`),
    says: /data\.jsonl:2: no format fits the keys question/,
  },
  "a message without content": {
    spoil: (dir) => data(dir, `{"messages": [{"role": "user", "content": 7}]}`),
    says: /data\.jsonl:1: "messages\[0\]\.content" must be text, found 7/,
  },
  "empty data": { spoil: (dir) => data(dir, "\n"), says: /data\.jsonl has no rows/ },
  "data in which no token counts": {
    spoil: (dir) => data(dir, `{"messages": [{"role": "user", "content": "hi"}]}`),
    says: /data\.jsonl: no token counts in any of its 1 rows.*first such line: 1/,
  },
  "data that does not exist": {
    spoil: () => ({ data: { train: "no-such.jsonl" } }),
    says: /tiny\.retune\.json:\d+: training data .*no-such\.jsonl does not exist/,
  },
  "rows longer than maxLength where that is an error": {
    spoil: () => ({ data: { train: "data.jsonl", maxLength: 10, overlong: "error" } }),
    says: /data\.jsonl:1: the row has \d+ tokens, data\.maxLength is 10/,
  },
  "more tokens than the model allows": {
    spoil: () => ({ data: { train: "data.jsonl", maxLength: 1000 } }),
    says: /data\.maxLength 1000 is above the 256 positions/,
  },
  "virtual tokens beyond the model's positions": {
    spoil: () => ({
      data: { train: "data.jsonl", maxLength: 250 },
      method: { type: "prefix-tuning", tokens: 10 },
    }),
    says: /data\.maxLength 250 and 10 virtual tokens are above the 256 positions .*; lower it to 246/,
  },
  "targets that match no layer": {
    spoil: () => ({ method: { type: "lora", targets: ["query"] } }),
    says: /query.*(q_proj|known|has)/,
  },
  "a rank above the layer's width": {
    spoil: () => ({ method: { type: "lora", rank: 64 } }),
    says: /tiny\.retune\.json:\d+: method\.rank 64 is above 32, the smaller side of .*; choose 32 or less/,
  },
  "a rank of some modules above their width": {
    spoil: () => ({ method: { type: "lora", rank: 4, rankPattern: { k_proj: 20 } } }),
    says: /: method\.rankPattern 20 is above 16, the smaller side of .*k_proj/,
  },
  "a rank above the model's width": {
    spoil: () => ({ method: { type: "direft", rank: 64, positions: "l1" } }),
    says: /: method\.rank 64 is above 32, the model's width; choose 32 or less/,
  },
  "a freeze pattern that matches nothing": {
    spoil: () => ({ method: { type: "freeze" }, freeze: ["layers.0", "decoder"] }),
    says: /tiny\.retune\.json:\d+: freeze "decoder" matches no tensor of .*; it has model\.embed_tokens, /,
  },
  "a learning rate for what is not trained": {
    spoil: () => ({ optimizer: { learningRates: { "layers.7": 1e-3 } } }),
    says: /tiny\.retune\.json:\d+: optimizer\.learningRates "layers\.7" matches nothing that is trained/,
  },
  "a freeze that leaves nothing": {
    spoil: () => ({ method: { type: "freeze" }, freeze: ["*"] }),
    says: /: freeze leaves no tensor to train; name what is to be trained behind it/,
  },
  "more last blocks than there are": {
    spoil: () => ({ method: { type: "freeze" }, trainLast: 5 }),
    says: /tiny\.retune\.json:\d+: trainLast 5 is above the 2 blocks/,
  },
  "a block to intervene after that does not exist": {
    spoil: () => ({ method: { type: "loreft", layers: [0, 9], positions: "l1" } }),
    says: /tiny\.retune\.json:\d+: method\.layers 9 is none of the blocks 0 to 1/,
  },
  "modules to save that do not exist": {
    spoil: () => ({ method: { type: "lora", modulesToSave: ["classifier"] } }),
    says: /: method\.modulesToSave "classifier" matches no module of the base; it has model\.embed_tokens, /,
  },
  "positions longer than the prompt": {
    spoil: (dir) => {
      data(dir, [row("a long prompt"), ...Array.from({ length: 9 }, () => row("hi"))].join("\n"));
      return { method: { type: "loreft", positions: "f2+l2" } };
    },
    says: /data\.jsonl:\d+: its prompt has \d tokens, but method\.positions take 2 .*; shorten method\.positions to f\d+\+l\d+ or less/,
  },
  "a label that is missing from training": {
    spoil: (dir) => {
      const labelled = (...labels: string[]): string =>
        labels.map((label) => JSON.stringify({ text: `a ${label}`, label })).join("\n");
      data(dir, labelled("cat", "dog"));
      writeFileSync(path.join(dir, "eval.jsonl"), labelled("dog", "zebra"));
      return {
        objective: { type: "classification" },
        data: { train: "data.jsonl", eval: "eval.jsonl" },
      };
    },
    says: /eval\.jsonl:2: label "zebra" is none of those that are trained: cat, dog; mend the row/,
  },
  "an unknown key": {
    spoil: () => ({ epoch: 3 }) as Partial<RecipeInput>,
    says: /tiny\.retune\.json:\d+: epoch is not a known key; did you mean epochs\?/,
  },
  "an unknown key within": {
    spoil: () => ({ optimizer: { learning_rate: 1 } }) as Partial<RecipeInput>,
    says: /tiny\.retune\.json:\d+: optimizer\.learning_rate is not a known key/,
  },
  "a wrong type": {
    spoil: () => ({ batchSize: "four" }) as unknown as Partial<RecipeInput>,
    says: /tiny\.retune\.json:\d+: batchSize: .*expected.*received string/i,
  },
  "an unknown method": {
    spoil: () => ({ method: { type: "qlora" } }) as unknown as Partial<RecipeInput>,
    says: /tiny\.retune\.json:\d+: method\.type: /,
  },
};

for (const [name, { spoil, says }] of Object.entries(cases)) {
  test(`train refuses ${name}`, async (t) => {
    const dir = tinyWorkspace(t);
    const recipe = writeRecipe(dir, spoil(dir) ?? {});
    const before = listing(dir);
    const runDir = path.join(dir, "run");
    const { code, stderr, stdout } = await retune("train", recipe, "--run-dir", runDir, "--json");
    assert.equal(code, 2, stderr);
    assert.equal(stdout, "");
    const lines = stderr.trim().split("\n");
    assert.match(lines.at(-1) ?? "", says);
    assert.ok(!/\n\s+at /u.test(stderr), `a stack trace: ${stderr}`);
    assert.deepEqual(listing(dir), before);
  });
}

test("a refused run leaves no folder for runs either, where there was none", async (t) => {
  const dir = tinyWorkspace(t);
  const recipe = writeRecipe(dir, { method: { type: "lora", rank: 64 } });
  const before = listing(dir);
  const refused = await retune("train", recipe);
  assert.equal(refused.code, 2, refused.stderr);
  assert.deepEqual(listing(dir), before);
  const deep = path.join(dir, "new/deeper/run");
  assert.equal((await retune("train", recipe, "--run-dir", deep)).code, 2);
  assert.deepEqual(listing(dir), before);
  mkdirSync(path.join(dir, ".retune/runs"), { recursive: true });
  assert.equal((await retune("train", recipe)).code, 2);
  assert.ok(listing(dir).includes(path.join(".retune", "runs")), "what was there stays");
  const inspected = await retune("inspect", "--recipe", recipe);
  assert.equal(inspected.code, 2);
  assert.match(inspected.stderr, /^[^\n]*tiny\.retune\.json:\d+: method\.rank 64 is above 32/);
});

const OF_ANOTHER_BASE: Record<string, RecipeInput["method"]> = {
  LoRA: { type: "lora", rank: 2 },
  "(IA)³": { type: "ia3" },
  "prompt tuning": { type: "prompt-tuning", tokens: 2 },
  "prefix tuning": { type: "prefix-tuning", tokens: 2 },
  LoReFT: { type: "loreft", rank: 2, positions: "l1" },
};

test("an adapter for another base is refused by the tensor that differs, whatever its method", async (t) => {
  const dir = tinyWorkspace(t);
  const other = path.join(import.meta.dirname, "../../samples/models/retune-tiny");
  for (const [name, method] of Object.entries(OF_ANOTHER_BASE)) {
    const runDir = path.join(dir, `run-${method?.type}`);
    const recipe = writeRecipe(dir, { method, maxSteps: 1 });
    const trained = await retune("train", recipe, "--run-dir", runDir);
    assert.equal(trained.code, 0, trained.stderr);
    const args = ["--adapter", path.join(runDir, "adapter")];
    for (const call of [
      ["eval", other, ...args, "--data", path.join(dir, "data.jsonl")],
      ["generate", other, ...args, "--prompt", "x"],
    ]) {
      const { code, stderr } = await retune(...call);
      assert.equal(code, 2, `${name}: ${stderr}`);
      const last = stderr.trim().split("\n").at(-1) ?? "";
      assert.match(
        last,
        /(tensor \S+ (is|is for)|states of) .*\d+.*(this base model|base).*\d+.*another base/,
        name,
      );
    }
  }
});

test("a recipe that is not JSON is refused with its line", async (t) => {
  const dir = tinyWorkspace(t);
  const file = path.join(dir, "broken.retune.json");
  writeFileSync(file, '{\n  "base": "model",\n  "data": {"train": "data.jsonl"\n');
  const { code, stderr } = await retune("train", file);
  assert.equal(code, 2);
  assert.match(stderr.trim(), /^[^\n]*broken\.retune\.json:\d+: not valid JSON: [^\n]+$/);
});

test("eval, generate, merge and inspect refuse in one line as well", async (t) => {
  const dir = tinyWorkspace(t);
  const model = path.join(dir, "model");
  const empty = path.join(dir, "empty");
  mkdirSync(empty);
  const file = path.join(dir, "data.jsonl");
  const calls: [readonly string[], RegExp][] = [
    [["eval", empty, "--data", file], /empty has no config\.json/],
    [["eval", model], /--data FILE is missing/],
    [["eval", model, "--data", path.join(dir, "none.jsonl")], /none\.jsonl/],
    [["eval", model, "--data", file, "--adapter", empty], /no adapter_config\.json/],
    [["eval", model, "--data", file, "--batch-size", "0"], /--batch-size must be/],
    [["generate", model, "--prompt", "x".repeat(600), "--raw"], /the prompt has 600 tokens/],
    [["generate", model, "--prompt", "x", "--temperature", "hot"], /--temperature must be/],
    [["merge", model, "--out", path.join(dir, "out")], /--adapter DIR is missing/],
    [["merge", model, "--adapter", empty, "--out", path.join(dir, "out")], /adapter_config\.json/],
    [["inspect", path.join(dir, "nothing")], /does not exist/],
    [["inspect", empty], /is no model .* adapter .* dataset .* run/],
    [["resume", empty], /recipe\.json does not exist: not a run folder/],
  ];
  const before = listing(dir);
  for (const [args, says] of calls) {
    const { code, stderr } = await retune(...args);
    assert.equal(code, 2, `${args.join(" ")}: ${stderr}`);
    assert.match(stderr.trim().split("\n").at(-1) ?? "", says);
    assert.ok(!/\n\s+at /u.test(stderr), stderr);
  }
  assert.deepEqual(listing(dir), before);
});
