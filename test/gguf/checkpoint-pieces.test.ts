import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { checkpointPieces } from "../../src/gguf/checkpoint-pieces.ts";
import { readGgufHeader } from "../../src/gguf/header.ts";
import { llamaGguf } from "../../src/families/llama-gguf.ts";

const file = fileURLToPath(new URL("../golden/gguf/byte-level.gguf", import.meta.url));

async function all(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const found: Uint8Array[] = [];
  for await (const piece of pieces) found.push(piece);
  return found;
}

test("a tensor read in small pieces is the tensor read at once", async () => {
  const header = await readGgufHeader(file);
  let most = 0;
  for (const tensor of (await llamaGguf.open(header)).checkpoint().tensors) {
    const whole = await all(checkpointPieces(file, tensor));
    assert.equal(whole.length, 1);
    for (const bytes of [1, 1000]) {
      const pieces = await all(checkpointPieces(file, tensor, bytes));
      assert.ok(Buffer.concat(pieces).equals(whole[0]!), `${tensor.name} by ${bytes} bytes`);
      most = Math.max(most, pieces.length);
    }
  }
  assert.ok(most > 100);
});
