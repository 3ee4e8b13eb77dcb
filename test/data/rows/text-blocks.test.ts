import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, suite, test } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { type TextBlock, textBlocks } from "../../../src/data/rows/text-blocks.ts";
import { refuses } from "../../support/refuses.ts";
import { tempDir } from "../../support/temp-dir.ts";

/** What is read of a file at once. */
const BLOCK_BYTES = 2 ** 20;

function fileOf(t: TestContext, bytes: string | Uint8Array, name = "rows.jsonl"): string {
  const file = path.join(tempDir(t), name);
  writeFileSync(file, bytes);
  return file;
}

async function blocksOf(file: string): Promise<TextBlock[]> {
  const blocks: TextBlock[] = [];
  for await (const block of textBlocks(file)) blocks.push(block);
  return blocks;
}

/** Every block but the last ends with a line, and each knows the number of its first one. */
function assertWhole(blocks: readonly TextBlock[], text: string): void {
  assert.equal(blocks.map((block) => block.text).join(""), text);
  let line = 1;
  for (const [i, block] of blocks.entries()) {
    assert.equal(block.firstLine, line);
    if (i < blocks.length - 1) assert(block.text.endsWith("\n"));
    line += block.text.split("\n").length - 1;
  }
}

suite("blocks of whole lines", () => {
  test("are the file's text, with the number of each block's first line", async (t) => {
    // Lines of 3 to 60,000 bytes, with characters of 1 to 4 bytes across the edges of blocks.
    const lines = Array.from({ length: 300 }, (_, i) => "aé€😀".repeat(1 + ((i * 977) % 6000)));
    const text = `${lines.join("\n")}\n`;
    assert(Buffer.byteLength(text) > 4 * BLOCK_BYTES);
    const file = fileOf(t, text);
    const blocks = await blocksOf(file);
    assert(blocks.length > 3);
    assertWhole(blocks, text);
  });

  test("are the same unzipped", async (t) => {
    const text = Array.from({ length: 40_000 }, (_, i) => `{"text": "row ${i} é"}`).join("\n");
    for (const name of ["rows.jsonl.gz", "ROWS.JSONL.GZ"]) {
      assertWhole(await blocksOf(fileOf(t, gzipSync(text), name)), text);
    }
    // gzip files one after the other are one, as of `cat a.gz b.gz`.
    const both = Buffer.concat([gzipSync("a\nb"), gzipSync("c\nd")]);
    assertWhole(await blocksOf(fileOf(t, both, "both.gz")), "a\nbc\nd");
  });

  test("hold a line that is longer than a block whole", async (t) => {
    const long = "x".repeat(3 * BLOCK_BYTES + 5);
    const text = `first\n${long}\nlast`;
    const blocks = await blocksOf(fileOf(t, text));
    assertWhole(blocks, text);
    assert(blocks.some((block) => block.text.includes(long)));
  });

  test("of any short text are one, with its line ends as they are; of none there is none", async (t) => {
    const dir = tempDir(t);
    const file = path.join(dir, "any");
    const parts = fc.array(fc.constantFrom("a", "\n", "\r\n", "\r", "é", "\u2028", "\0"));
    await fc.assert(
      fc.asyncProperty(parts, async (found) => {
        const text = found.join("");
        writeFileSync(file, text);
        const blocks = await blocksOf(file);
        assertWhole(blocks, text);
        assert.equal(blocks.length === 0, text === "");
      }),
      { seed: 3, numRuns: 60 },
    );
  });

  test("begin behind a byte order mark", async (t) => {
    // The decoder drops it: no first key of a row may begin with one.
    const blocks = await blocksOf(fileOf(t, "\u{feff}a\nb"));
    assert.deepEqual(
      blocks.map(({ text }) => text),
      ["a\n", "b"],
    );
  });
});

suite("a text that can't be read", () => {
  test("is told with line and byte that is not UTF-8, in whatever block it stands", async (t) => {
    const bad = Buffer.concat([Buffer.from("ok\nab"), Buffer.of(0xe9), Buffer.from("\n")]);
    await refuses(
      blocksOf(fileOf(t, bad)),
      /rows\.jsonl:2: byte 3 of the line, 0xE9, is not UTF-8/,
    );
    const lines = 200_000;
    const late = Buffer.concat([Buffer.from("0123456789\n".repeat(lines)), bad]);
    await refuses(blocksOf(fileOf(t, late)), new RegExp(`:${lines + 2}: byte 3 of the line, 0xE9`));
  });

  test("is told to be UTF-16", async (t) => {
    await refuses(
      blocksOf(fileOf(t, Buffer.from("\u{feff}a\n", "utf16le"))),
      /is UTF-16 text; save it/,
    );
  });

  test("is told as missing, as a folder, or as no gzip", async (t) => {
    const dir = tempDir(t);
    for (const name of ["none.jsonl", "none.jsonl.gz"]) {
      await refuses(blocksOf(path.join(dir, name)), /^data file .*none\.jsonl.* does not exist$/);
    }
    await refuses(blocksOf(dir), /^data file .* is a folder$/);
    await refuses(
      blocksOf(fileOf(t, "a\nb\n", "a.gz")),
      /a\.gz can't be unzipped: incorrect header/,
    );
    const whole = gzipSync(Buffer.from("some text\n".repeat(1000)));
    const cut = fileOf(t, whole.subarray(0, -9), "cut.gz");
    await refuses(blocksOf(cut), /cut\.gz can't be unzipped: unexpected end of file/);
  });
});
