import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { cutTornLine, endTornLine } from "../../src/util/torn-line.ts";

const scratch = await mkdtemp(path.join(tmpdir(), "retune-torn-"));
after(() => rm(scratch, { recursive: true }));
const file = path.join(scratch, "log.txt");

async function left(bytes: string | Buffer, work: (file: string) => Promise<void>) {
  await writeFile(file, bytes);
  await work(file);
  return readFile(file);
}

test("a file is cut back to its last whole line, however far back that is", async () => {
  const long = "x".repeat(200_000);
  for (const [bytes, kept] of [
    ["", ""],
    ["a\nb\n", "a\nb\n"],
    ["a\nb", "a\n"],
    ["torn", ""],
    [`${long}\n${long}`, `${long}\n`],
    [`${"y".repeat(65_535)}\n`, `${"y".repeat(65_535)}\n`],
    [`a\n${"y".repeat(65_536)}`, "a\n"],
  ] as const) {
    assert.equal((await left(bytes, cutTornLine)).toString(), kept);
  }
});

test("a line torn at any byte of its characters ends after its last whole one", async () => {
  const text = "é€𝄞";
  const starts = [0, 2, 5, 9];
  const bytes = Buffer.from(text);
  for (let length = 1; length <= bytes.length; length++) {
    const torn = Buffer.concat([Buffer.from("whole\nA"), bytes.subarray(0, length)]);
    const whole = starts.findLast((start) => start <= length);
    const expected = `whole\nA${bytes.subarray(0, whole).toString()}\n`;
    assert.equal((await left(torn, endTornLine)).toString(), expected);
  }
});

test("what is whole stays as it is, a missing file stays missing", async () => {
  assert.equal((await left("a\né\n", endTornLine)).toString(), "a\né\n");
  assert.equal((await left("", endTornLine)).toString(), "");
  await rm(file);
  await endTornLine(file);
  await cutTornLine(file);
  await assert.rejects(readFile(file), /ENOENT/);
});
