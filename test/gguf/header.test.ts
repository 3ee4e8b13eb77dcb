import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { suite, test } from "node:test";
import { readGgufHeader } from "../../src/gguf/header.ts";
import { refuses } from "../support/refuses.ts";
import { tempDir } from "../support/temp-dir.ts";
import { writeGguf } from "./write-gguf.ts";

const golden = path.join(import.meta.dirname, "../golden/gguf");

suite("the header of a .gguf that llama.cpp's gguf package wrote", () => {
  for (const name of ["byte-level", "sentence-piece"]) {
    test(`places every tensor within the file, apart and aligned: ${name}`, async () => {
      const file = path.join(golden, `${name}.gguf`);
      const header = await readGgufHeader(file);
      assert.equal(header.file, file);
      assert.equal(header.size, readFileSync(file).length);
      const placed = [...header.tensors.values()].toSorted((a, b) => a.byteOffset - b.byteOffset);
      assert(placed.length > 10);
      let end = 0;
      for (const { name: tensor, byteOffset, byteLength } of placed) {
        assert(byteOffset >= end, tensor);
        assert.equal(byteOffset % 32, 0, tensor);
        end = byteOffset + byteLength;
      }
      assert(end <= header.size);
      // Its hash is that of the bytes before the data, which begin at the next multiple of 32.
      const dataStart = placed[0]?.byteOffset ?? 0;
      const bytes = readFileSync(file);
      const hashes = Array.from({ length: 32 }, (_, padding) =>
        createHash("sha256")
          .update(bytes.subarray(0, dataStart - padding))
          .digest("hex"),
      );
      assert(hashes.includes(header.headerSha256));
    });
  }

  test("points at the values: float32 tensors have the hashes that transformers' loader gives", async () => {
    for (const name of ["byte-level", "sentence-piece"]) {
      const file = path.join(golden, `${name}.gguf`);
      const bytes = readFileSync(file);
      const { tensors } = await readGgufHeader(file);
      const { sha256 } = JSON.parse(readFileSync(path.join(golden, `${name}.json`), "utf8")) as {
        sha256: Record<string, string>;
      };
      const norms = [...tensors.values()].filter(({ name: each }) => each.endsWith("norm.weight"));
      assert(norms.length > 2);
      for (const { name: stored, type, byteOffset, byteLength } of norms) {
        assert.equal(type.name, "F32", stored);
        const own = bytes.subarray(byteOffset, byteOffset + byteLength);
        const hash = createHash("sha256").update(own).digest("hex");
        const checkpointName = stored
          .replace(/^blk\.(\d+)\./u, "model.layers.$1.")
          .replace("attn_norm", "input_layernorm")
          .replace("ffn_norm", "post_attention_layernorm")
          .replace("output_norm", "model.norm");
        assert.equal(hash, sha256[checkpointName], stored);
      }
    }
  });
});

suite("the header of any .gguf", () => {
  const tensors = [
    { name: "a", shape: [2, 3] },
    { name: "b", shape: [5] },
  ];

  test("has shapes outermost first and tensors where the data's alignment puts them", async (t) => {
    const file = path.join(tempDir(t), "m.gguf");
    await writeGguf(file, { "general.architecture": "llama", x: [1, 2] }, tensors);
    const header = await readGgufHeader(file);
    const [a, b] = [header.tensors.get("a"), header.tensors.get("b")];
    assert.deepEqual([a?.shape, b?.shape], [[2, 3], [5]]);
    assert.deepEqual([a?.byteLength, b?.byteLength], [24, 20]);
    assert.equal((b?.byteOffset ?? 0) - (a?.byteOffset ?? 0), 32);
    assert.deepEqual(
      [...header.metadata],
      [
        ["general.architecture", "llama"],
        ["x", [1, 2]],
      ],
    );
  });

  test("follows the file's own alignment, and refuses one that is none", async (t) => {
    const file = path.join(tempDir(t), "m.gguf");
    const starts: number[] = [];
    for (const key of ["k", "k".repeat(9), "k".repeat(17), "k".repeat(25)]) {
      await writeGguf(file, { "general.alignment": 8, [key]: 1 }, tensors);
      const { tensors: found } = await readGgufHeader(file);
      starts.push((found.get("a")?.byteOffset ?? 1) % 32);
    }
    // Eight bytes more of header each time: once around the 32 that are taken where a file does not say.
    assert.deepEqual(
      starts.toSorted((a, b) => a - b),
      [0, 8, 16, 24],
    );
    for (const alignment of [0, 4, 12, "32"]) {
      await writeGguf(file, { "general.alignment": alignment }, tensors);
      await refuses(
        readGgufHeader(file),
        new RegExp(`general\\.alignment ${alignment} is not a multiple of 8$`),
      );
    }
  });

  test("hashes alike when only weights differ, and otherwise when a key does", async (t) => {
    const dir = tempDir(t);
    const hash = async (key: string, value: number) => {
      const file = path.join(dir, "m.gguf");
      await writeGguf(file, { [key]: 1 }, [{ name: "a", shape: [4], value }]);
      return (await readGgufHeader(file)).headerSha256;
    };
    assert.equal(await hash("x", 1), await hash("x", 2));
    assert.notEqual(await hash("x", 1), await hash("y", 1));
  });

  test("is refused by the tensor or the file that is wrong", async (t) => {
    const file = path.join(tempDir(t), "m.gguf");
    await refuses(readGgufHeader(file), /m\.gguf does not exist$/);
    await writeGguf(file, {}, [{ name: "a", shape: [1, 1, 1, 1, 1] }]);
    await refuses(readGgufHeader(file), /tensor a has 5 dimensions, at most 4 are possible$/);
    await writeGguf(file, {}, [{ name: "a", shape: [4, 33], type: 8 }]);
    await refuses(
      readGgufHeader(file),
      /tensor a \[4, 33\] has rows that are not whole Q8_0 blocks of 32/,
    );
    await writeGguf(file, {}, [tensors[0]!, { ...tensors[1]!, name: "a" }]);
    await refuses(readGgufHeader(file), /tensor a comes twice$/);
  });

  test("is refused when a key comes twice", async (t) => {
    const file = path.join(tempDir(t), "m.gguf");
    await writeGguf(file, { kb: 1, ka: 2 }, tensors);
    writeFileSync(file, readFileSync(file, "latin1").replace("ka", "kb"), "latin1");
    await refuses(readGgufHeader(file), /metadata key kb comes twice$/);
  });
});
