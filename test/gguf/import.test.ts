import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rm,
  stat,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Tensor } from "onnxruntime-node";
import { loadTokenizer } from "../../src/data/tokenizer.ts";
import { openBaseModel } from "../../src/models/base-model.ts";
import { graphOptionsOf, sessionOptionsOf } from "../../src/onnx-engine/tuned-base.ts";
import { causalMask } from "../../src/onnx-engine/ort-feeds.ts";
import { NOTHING_TUNED } from "../../src/methods/method.ts";
import { FEEDS, buildDecodingGraph } from "../../src/onnx-engine/ort-graphs.ts";
import { OrtSession } from "../../src/onnx-engine/ort-session.ts";
import { startHashing } from "../../src/util/hash-files.ts";
import { currentProcessIdentity, processIdentity } from "../../src/util/process-identity.ts";
import { processMark } from "../../src/util/process-mark.ts";
import { checkImport, importedFiles } from "../../src/gguf/import-cache.ts";
import { refuses } from "../support/refuses.ts";
import { importGguf } from "../../src/families/import-gguf.ts";
import {
  readSafetensorsHeader,
  readTensor,
  readTensorBytes,
} from "../../src/tensors/safetensors.ts";
import { assertClose } from "../support/assert-close.ts";

const golden = (name: string): string =>
  fileURLToPath(new URL(`../golden/gguf/${name}`, import.meta.url));

const scratch = await mkdtemp(path.join(tmpdir(), "retune-gguf-"));
after(() => rm(scratch, { recursive: true }));
const cacheDir = path.join(scratch, "cache");

interface Expected {
  config: Record<string, unknown>;
  sha256: Record<string, string>;
  texts: { text: string; ids: number[] }[];
}

const expectedOf = async (name: string): Promise<Expected> =>
  JSON.parse(await readFile(golden(`${name}.json`), "utf8")) as Expected;

const json = async (file: string): Promise<Record<string, unknown>> =>
  JSON.parse(await readFile(file, "utf8")) as Record<string, unknown>;

async function logitsOf(dir: string, name: string): Promise<[Float32Array, Float32Array]> {
  const base = await openBaseModel(dir);
  const { tensors } = await readSafetensorsHeader(golden(`${name}.safetensors`));
  const ids = tensors.get("ids")!;
  const [B, T] = ids.shape as [number, number];
  const graph = buildDecodingGraph(graphOptionsOf(base, NOTHING_TUNED, T));
  const session = await OrtSession.create(
    graph.graph,
    await sessionOptionsOf(base, { threads: 1, prepack: true }),
  );
  const { keyValueHeads, headSize } = base.architecture;
  const empty = new Tensor("float32", new Float32Array(), [B, keyValueHeads, 0, headSize]);
  const cache = graph.cache.flatMap(({ pastKey, pastValue }) => [pastKey, pastValue]);
  const outputs = await session.run(
    {
      ...Object.fromEntries(cache.map((each) => [each, empty])),
      [FEEDS.ids]: new BigInt64Array((await readTensorBytes(ids)).slice().buffer),
      [FEEDS.positions]: BigInt64Array.from({ length: B * T }, (_, i) => BigInt(i % T)),
      [FEEDS.mask]: causalMask(T),
      [FEEDS.rows]: BigInt64Array.from({ length: B * T }, (_, i) => BigInt(i)),
    },
    { B, T, S: T, P: 0, M: 1, R: B * T },
  );
  const logits = outputs[graph.logits]!.data as Float32Array;
  await session.dispose();
  return [logits.slice(), await readTensor(tensors.get("logits")!)];
}

for (const name of ["byte-level", "sentence-piece"]) {
  test(`${name}: config.json says what the metadata says`, async () => {
    const dir = await importGguf(golden(`${name}.gguf`), { cacheDir });
    const config = await json(path.join(dir, "config.json"));
    const { config: expected } = await expectedOf(name);
    for (const [key, value] of Object.entries(expected)) {
      const { type } = (value ?? {}) as { type?: unknown };
      // A scaling is named both ways: transformers before 4.43 knows `type` only.
      const named = key === "rope_scaling" && value !== null && type === undefined;
      const { rope_type } = (value ?? {}) as { rope_type?: unknown };
      assert.deepEqual(config[key], named ? { ...(value as object), type: rope_type } : value, key);
    }
    // transformers 5 takes no whole number for a float.
    const text = await readFile(path.join(dir, "config.json"), "utf8");
    assert.match(text, /"rope_theta": \d+\.0,\n/u);
    assert.match(text, /"factor": \d+\.0,?\n/u);
    assert.equal(config["model_type"], "llama");
  });

  test(`${name}: weights are those of transformers' GGUF loader, bit for bit`, async () => {
    const dir = await importGguf(golden(`${name}.gguf`), { cacheDir });
    const { tensors } = await readSafetensorsHeader(path.join(dir, "model.safetensors"));
    const { sha256 } = await expectedOf(name);
    assert.deepEqual([...tensors.keys()].toSorted(), Object.keys(sha256).toSorted());
    for (const [key, info] of tensors) {
      const values = await readTensor(info);
      const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      assert.equal(createHash("sha256").update(bytes).digest("hex"), sha256[key], key);
    }
  });

  test(`${name}: token ids are the tokenizers library's, and decode back`, async () => {
    const dir = await importGguf(golden(`${name}.gguf`), { cacheDir });
    const tokenizer = await loadTokenizer(dir);
    const { texts } = await expectedOf(name);
    assert.ok(texts.length >= 20);
    for (const { text, ids } of texts) {
      assert.deepEqual(await tokenizer.encode(text), ids, JSON.stringify(text));
      const plain = await tokenizer.encode(text, { addSpecialTokens: false });
      // SentencePiece puts a space before what follows a special token, and takes one off the start.
      if (name === "byte-level") assert.equal(tokenizer.decode(plain), text);
    }
  });

  test(`${name}: logits are transformers'`, async () => {
    const dir = await importGguf(golden(`${name}.gguf`), { cacheDir });
    const [actual, expected] = await logitsOf(dir, name);
    assertClose(actual, expected, { atol: 1e-3 }, "logits");
  });
}

test("half-precision tensors keep their type, quantised ones become float32", async () => {
  const dir = await importGguf(golden("sentence-piece.gguf"), { cacheDir });
  const { tensors } = await readSafetensorsHeader(path.join(dir, "model.safetensors"));
  const dtypeOf = (tensor: string): string | undefined => tensors.get(tensor)?.dtype;
  assert.equal(dtypeOf("model.embed_tokens.weight"), "F16");
  assert.equal(dtypeOf("model.layers.1.self_attn.q_proj.weight"), "BF16");
  assert.equal(dtypeOf("model.layers.0.self_attn.o_proj.weight"), "F32");
});

test("the tokenizer's end tokens, chat template and BOS come along", async () => {
  const byteLevel = await loadTokenizer(await importGguf(golden("byte-level.gguf"), { cacheDir }));
  assert.deepEqual(byteLevel.eosTokenIds, [2, 1]);
  assert.equal(
    await byteLevel.chatTemplate?.renderPrompt([{ role: "user", content: "hi" }]),
    "<|user|>hi<|end|>",
  );
  const pieces = await loadTokenizer(await importGguf(golden("sentence-piece.gguf"), { cacheDir }));
  assert.equal((await pieces.encode("x"))[0], pieces.bosTokenId);
});

test("an import is reused until its .gguf changes, and then made anew", async () => {
  const file = path.join(scratch, "changing.gguf");
  await copyFile(golden("sentence-piece.gguf"), file);
  const dir = await importGguf(file, { cacheDir });
  const made = async (): Promise<number> =>
    (await stat(path.join(dir, "model.safetensors"))).mtimeMs;
  const first = await made();
  assert.equal(await importGguf(file, { cacheDir }), dir);
  assert.equal(await made(), first);
  // Touched, and what it was.
  await utimes(file, 1, 1);
  assert.equal(await importGguf(file, { cacheDir }), dir);
  assert.equal(await made(), first);
  const told: string[] = [];
  /** Flips a bit in the middle, and makes size and time of modification what they were. */
  const change = async (changed: string): Promise<void> => {
    const { atime, mtime } = await stat(changed);
    const bytes = await readFile(changed);
    const middle = bytes.length >> 1;
    bytes[middle] = (bytes[middle] ?? 0) ^ 1;
    await writeFile(changed, bytes);
    await utimes(changed, atime, mtime);
    await importGguf(file, { cacheDir, log: (line) => told.push(line) });
  };
  await change(file);
  assert.match(
    told[0] ?? "",
    /changing\.gguf has changed since it was imported; it is imported anew/,
  );
  const weights = path.join(dir, "model.safetensors");
  const sound = await readFile(weights);
  told.length = 0;
  await change(weights);
  assert.match(told[0] ?? "", /model\.safetensors has changed since it was imported/);
  assert.ok(sound.equals(await readFile(weights)));
  await checkImport(dir, await startHashing(await importedFiles(dir)).hashes);
  await refuses(
    checkImport(dir, { [weights]: "another" }),
    /since .*changing\.gguf was imported; delete .*, and it is imported anew/,
  );
  const again = await made();
  const origin = path.join(dir, "origin.json");
  await writeFile(origin, JSON.stringify({ ...(await json(origin)), importVersion: 0 }));
  await importGguf(file, { cacheDir });
  assert.notEqual(await made(), again);
});

test("files of one name in two folders have an import each", async () => {
  const other = path.join(scratch, "other");
  await mkdir(other);
  const file = path.join(other, "byte-level.gguf");
  await copyFile(golden("byte-level.gguf"), file);
  const options = { cacheDir: path.join(scratch, "two") };
  const dirs = [
    await importGguf(file, options),
    await importGguf(golden("byte-level.gguf"), options),
  ];
  assert.equal(new Set(dirs).size, 2);
});

test("what a killed import left behind is removed", async () => {
  const own = path.join(scratch, "killed");
  const dir = await importGguf(golden("byte-level.gguf"), { cacheDir: own });
  await rm(dir, { recursive: true });
  const current = await currentProcessIdentity();
  for (const pid of [4_194_304, process.pid, process.ppid]) {
    await mkdir(`${dir}.${await processMark({ ...current, pid, startedAt: "earlier" })}.tmp`);
  }
  await importGguf(golden("byte-level.gguf"), { cacheDir: own });
  assert.deepEqual(await readdir(own), [path.basename(dir)]);
});

test("what a living process imports is left alone, also one that can't be asked", async () => {
  const own = path.join(scratch, "living");
  const dir = await importGguf(golden("byte-level.gguf"), { cacheDir: own });
  await rm(dir, { recursive: true });
  const current = await currentProcessIdentity();
  const theirs = [
    await processMark(await processIdentity(process.ppid)),
    await processMark({ ...current, pid: 4_194_304, pidSpace: "another container" }),
  ].map((mark) => `${dir}.${mark}.tmp`);
  for (const each of theirs) await mkdir(each);
  await importGguf(golden("byte-level.gguf"), { cacheDir: own });
  const names = [dir, ...theirs].map((each) => path.basename(each));
  assert.deepEqual((await readdir(own)).toSorted(), names.toSorted());
});

test("a file that shrinks while it is read leaves an earlier import as it was", async () => {
  const file = path.join(scratch, "shrinking.gguf");
  await copyFile(golden("byte-level.gguf"), file);
  const own = path.join(scratch, "shrunk");
  const dir = await importGguf(file, { cacheDir: own });
  const before = await readFile(path.join(dir, "model.safetensors"));
  await truncate(file, 130_000);
  await assert.rejects(importGguf(file, { cacheDir: own }), /truncated/);
  assert.deepEqual(await readdir(own), [path.basename(dir)]);
  assert.deepEqual(await readFile(path.join(dir, "model.safetensors")), before);
});
