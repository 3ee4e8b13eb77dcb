/** The one writer of a model's folder: what lies where, in which order, and what an interrupted one leaves. */
import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import {
  type FolderTensor,
  type ModelFolder,
  writeModelFolder,
} from "../../src/tensors/model-folder.ts";
import { INDEX_FILE, readModelWeights } from "../../src/tensors/model-weights.ts";
import { readTensor, readTensorBytes, writeSafetensors } from "../../src/tensors/safetensors.ts";
import { writeFully } from "../../src/tensors/tensor-bytes.ts";
import { type CopyTask, type TensorTask, runCopy } from "../../src/tensors/tensor-tasks.ts";

const floats = (...values: number[]): Uint8Array =>
  new Uint8Array(Float32Array.from(values).buffer);
/** Digits that JavaScript's own JSON would lose. */
const CONFIG = '{"rope_theta": 10000.0,\n  "vocab_size": 3}\n';

/** A base of one tensor `a`, [2]. */
async function workspace(t: TestContext): Promise<{ base: string; out: string; place: string }> {
  const place = mkdtempSync(path.join(tmpdir(), "retune-model-folder-"));
  t.after(() => rmSync(place, { recursive: true, force: true }));
  const base = path.join(place, "base");
  mkdirSync(base);
  writeFileSync(path.join(base, "config.json"), CONFIG);
  writeFileSync(path.join(base, "tokenizer.json"), "{}");
  const a = { name: "a", dtype: "F32" as const, shape: [2], data: floats(1, 2) };
  await writeSafetensors(path.join(base, "model.safetensors"), [a]);
  return { base, out: path.join(place, "out"), place };
}

async function copyOf(base: string, name: string): Promise<FolderTensor<CopyTask>> {
  const info = (await readModelWeights(base)).get("a");
  assert.ok(info);
  return { name, dtype: "F32", shape: [2], from: { type: "copy", from: info } };
}

function folderOf(base: string, tensors: FolderTensor<CopyTask>[]): ModelFolder<CopyTask> {
  return {
    files: [{ name: "model.safetensors", tensors, metadata: { format: "pt" } }],
    run: runCopy,
    index: false,
    side: [[base, ["config.json", "tokenizer.json"]]],
    config: { dir: base },
  };
}

test("values from memory and from files lie at their places; config.json keeps its text and what changes in it", async (t) => {
  const { base, out } = await workspace(t);
  const made: FolderTensor<CopyTask> = {
    name: "b",
    dtype: "F32",
    shape: [1],
    from: () => floats(7),
  };
  const tensors = [await copyOf(base, "a"), made, await copyOf(base, "c")];
  let bytes = 0;
  await writeModelFolder(out, {
    ...folderOf(base, tensors),
    card: "# x\n",
    onBytes: (more) => (bytes += more),
  });
  const weights = await readModelWeights(out);
  const values: number[][] = [];
  for (const info of weights.values()) values.push([...(await readTensor(info))]);
  assert.deepEqual([...weights.keys()], ["a", "b", "c"]);
  assert.deepEqual(values, [[1, 2], [7], [1, 2]]);
  assert.equal(bytes, 20);
  assert.equal(readFileSync(path.join(out, "config.json"), "utf8"), CONFIG);
  assert.deepEqual(readdirSync(out).toSorted(), [
    "README.md",
    "config.json",
    "model.safetensors",
    "tokenizer.json",
  ]);
  const wanted = { rope_theta: 10000, vocab_size: 4 };
  await writeModelFolder(out, { ...folderOf(base, tensors), config: { dir: base, wanted } });
  assert.equal(readFileSync(path.join(out, "config.json"), "utf8"), CONFIG.replace("3", "4"));
});

test("of several files an index is made, or the one that says the same is copied", async (t) => {
  const { base, out, place } = await workspace(t);
  const [first, second] = [await copyOf(base, "a"), await copyOf(base, "c")];
  const files = [first, second].map((tensor, i) => ({
    name: `model-${i}.safetensors`,
    tensors: [tensor],
    metadata: {},
  }));
  await writeModelFolder(out, { ...folderOf(base, []), files, index: true });
  const index = JSON.parse(readFileSync(path.join(out, INDEX_FILE), "utf8")) as object;
  assert.deepEqual(index, {
    metadata: { total_parameters: 4, total_size: 16 },
    weight_map: { a: "model-0.safetensors", c: "model-1.safetensors" },
  });
  const own = path.join(place, "own.json");
  writeFileSync(own, JSON.stringify({ ...index, kept: true }));
  await writeModelFolder(out, { ...folderOf(base, []), files, index: { copyOf: own } });
  assert.deepEqual(readFileSync(path.join(out, INDEX_FILE)), readFileSync(own));
});

test("config.json comes last, and no weights bear their name before they are whole", async (t) => {
  const { base, out, place } = await workspace(t);
  const seen: string[][] = [];
  const look = (): void => {
    const [temporary] = readdirSync(place).filter((name) => name.endsWith(".tmp"));
    seen.push(readdirSync(path.join(place, temporary ?? "")).toSorted());
  };
  interface Looking extends TensorTask {
    type: "looking";
  }
  await writeModelFolder<Looking>(out, {
    ...folderOf(base, []),
    files: [
      {
        name: "model.safetensors",
        metadata: {},
        tensors: [{ name: "x", dtype: "F32", shape: [1], from: { type: "looking" } }],
      },
    ],
    run: ({ output }, { files }) => {
      look();
      writeFully(files.writing(output.file), floats(3), output.byteOffset);
    },
    beside: async () => look(),
  });
  assert.deepEqual(seen, [["model.safetensors.partial"], ["model.safetensors", "tokenizer.json"]]);
  const info = (await readModelWeights(out)).get("x");
  assert.ok(info);
  assert.deepEqual(await readTensorBytes(info), floats(3));
});

test("what fails or is stopped on the way leaves an earlier folder as it was", async (t) => {
  const { base, out, place } = await workspace(t);
  mkdirSync(out);
  writeFileSync(path.join(out, "earlier"), "x");
  const tensors = [await copyOf(base, "a")];
  const run = (): void => {
    throw new Error("broken");
  };
  await assert.rejects(writeModelFolder(out, { ...folderOf(base, tensors), run }), /broken/);
  const signal = AbortSignal.abort();
  await assert.rejects(writeModelFolder(out, { ...folderOf(base, tensors), signal }), {
    name: "AbortError",
  });
  assert.deepEqual(readdirSync(out), ["earlier"]);
  assert.deepEqual(readdirSync(place).toSorted(), ["base", "out"]);
  assert.ok(existsSync(path.join(base, "model.safetensors")));
});
