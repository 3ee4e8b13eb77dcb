/** An adapter merged and taken out again: the base as it was, or a refusal. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { mergeAdapters } from "../../../src/merge/adapters/merge-adapters.ts";
import { fromFloat32 } from "../../../src/tensors/dtype.ts";
import { readModelWeights } from "../../../src/tensors/model-weights.ts";
import {
  readSafetensorsHeader,
  readTensor,
  readTensorBytes,
  writeSafetensors,
} from "../../../src/tensors/safetensors.ts";
import { ADAPTER_CASES, adapterGolden } from "../../support/adapter-cases.ts";
import { assertClose } from "../../support/assert-close.ts";
import { goldenModel } from "../../support/llama-golden.ts";
import { refuses } from "../../support/refuses.ts";
import { retune } from "../../support/retune.ts";

const golden = path.join(import.meta.dirname, "../../golden/merge");
const dir = mkdtempSync(path.join(tmpdir(), "retune-unmerge-"));
after(() => rmSync(dir, { recursive: true }));
let count = 0;

async function write(
  baseDir: string,
  adapterDirs: string[],
  unmerge: boolean,
): Promise<{ outDir: string; lines: string[] }> {
  const outDir = path.join(dir, `out-${count++}`);
  const lines: string[] = [];
  await mergeAdapters({ baseDir, adapterDirs, outDir, unmerge, log: (line) => lines.push(line) });
  return { outDir, lines };
}

/** Merges and takes out again. */
async function roundTrip(base: string, adapters: string[]): ReturnType<typeof write> {
  return write((await write(base, adapters, false)).outDir, adapters, true);
}

/** A folder with the golden's values in float32. */
async function wide(variant: string): Promise<string> {
  const folder = path.join(dir, `wide-${variant}-${count++}`);
  cpSync(path.join(goldenModel(variant), "config.json"), path.join(folder, "config.json"));
  const tensors = [];
  for (const info of (await readModelWeights(goldenModel(variant))).values()) {
    const { name, shape } = info;
    const data = fromFloat32(await readTensor(info), "F32");
    tensors.push({ name, shape, dtype: "F32" as const, data });
  }
  await writeSafetensors(path.join(folder, "model.safetensors"), tensors);
  return folder;
}

async function assertSame(out: string, base: string): Promise<void> {
  const ours = await readModelWeights(out);
  for (const [name, info] of await readModelWeights(base)) {
    assertClose(await readTensor(ours.get(name)!), await readTensor(info), { atol: 1e-6 }, name);
  }
}

test("LoRA in float32 leaves the base to 1e-6, two of them too", async () => {
  const base = path.join(golden, "sharded");
  for (const names of [["plain"], ["patterns"], ["plain", "patterns"]]) {
    const adapters = names.map((name) => path.join(base, name));
    const { outDir, lines } = await roundTrip(base, adapters);
    await assertSame(outDir, base);
    assert.ok(!lines.some((line) => line.includes("off by")));
  }
});

for (const name of ["ia3", "ia3-biased", "embedding"]) {
  test(`${name} in float32 leaves the base to 1e-6`, async () => {
    const base = await wide(ADAPTER_CASES[name]!.variant);
    await assertSame((await roundTrip(base, [adapterGolden(name)])).outDir, base);
  });
}

test("half precision says what is lost, and loses no more", async () => {
  const base = path.join(golden, "half");
  const { outDir, lines } = await roundTrip(base, [path.join(base, "plain")]);
  const lost = /is F16: .* rounded its weights to 11 bits.* up to 1\/1024 of the merged/;
  // Beside it stands that the base is called otherwise here.
  assert.equal(lines.filter((line) => lost.test(line)).length, 1, lines.join("\n"));
  const merged = await readModelWeights(
    (await write(base, [path.join(base, "plain")], false)).outDir,
  );
  const ours = await readModelWeights(outDir);
  let changed = 0;
  for (const [name, info] of await readModelWeights(base)) {
    const [a, b] = [await readTensor(ours.get(name)!), await readTensor(info)];
    const size = await readTensor(merged.get(name)!);
    for (const [i, value] of a.entries()) {
      const limit = Math.max(Math.abs(size[i]!), Math.abs(b[i]!)) / 1024;
      assert.ok(Math.abs(value - b[i]!) <= limit, `${name}[${i}]`);
      changed += Number(value !== b[i]);
    }
  }
  assert.ok(changed > 0, "rounding was seen");
});

test("what can't be undone is refused, the adapter named", async () => {
  const before = readdirSync(dir).length;
  for (const [name, message] of [
    ["dora", /dora is DoRA, which set the length of each row anew/],
    ["modules", /tensor .* took the place of the base's own/],
  ] as const) {
    const base = goldenModel(ADAPTER_CASES[name]!.variant);
    await refuses(write(base, [adapterGolden(name)], true), message);
  }
  assert.equal(readdirSync(dir).length, before);
});

test("(IA)³ with a zero is refused, the tensor named", async () => {
  const folder = path.join(dir, "ia3-zero");
  cpSync(adapterGolden("ia3"), folder, { recursive: true });
  const file = path.join(folder, "adapter_model.safetensors");
  const { tensors, metadata } = await readSafetensorsHeader(file);
  const changed = [];
  for (const info of tensors.values()) changed.push({ ...info, data: await readTensorBytes(info) });
  changed[1]!.data.fill(0, 0, 4);
  await writeSafetensors(file, changed, metadata);
  const base = goldenModel(ADAPTER_CASES["ia3"]!.variant);
  await refuses(write(base, [folder], true), new RegExp(`tensor ${changed[1]!.name} holds 0`, "u"));
});

test("retune merge --unmerge takes out what retune merge put in", async () => {
  const base = path.join(golden, "sharded");
  const adapter = ["--adapter", path.join(base, "plain")];
  const [merged, again] = [path.join(dir, "merged"), path.join(dir, "again")];
  const one = await retune("merge", base, ...adapter, "--no-check", "--out", merged);
  assert.equal(one.code, 0, one.stderr);
  const two = await retune("merge", merged, ...adapter, "--unmerge", "--out", again);
  assert.equal(two.code, 0, two.stderr);
  await assertSame(again, base);
  const both = await retune(
    "merge",
    merged,
    ...adapter,
    "--unmerge",
    "--weight",
    "1",
    "--out",
    again,
  );
  assert.equal(both.code, 2);
  assert.match(both.stderr, /--unmerge takes the whole change out; leave --weight out/);
});
