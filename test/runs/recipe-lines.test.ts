import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { lineFinder, placedInRecipe } from "../../src/runs/recipe-lines.ts";
import { parseJsonc } from "../../src/util/jsonc.ts";
import { tempDir } from "../support/temp-dir.ts";

const TEXT = `{
  // what is trained
  "method": {
    "type": "lora",
    "rank": 64
  },
  "engine": { "type": "onnx",
    "quantization": "int8" },
  "freeze": ["a",
    "b"]
}
`;

test("a key's line is its own, that of an element, or of the nearest thing around it", () => {
  const lineOf = lineFinder(parseJsonc(TEXT, "a.retune.json"), TEXT);
  assert.deepEqual(
    [["method"], ["method", "rank"], ["freeze", 1], ["method", "alpha"], ["data", "train"], []].map(
      (keys) => lineOf(keys),
    ),
    [3, 5, 10, 3, 1, 1],
  );
});

test("an engine's option is found in it or beside it", () => {
  const lineOf = lineFinder(parseJsonc(TEXT, "a.retune.json"), TEXT);
  assert.equal(lineOf(["quantization"]), 8);
});

test("a message that begins with a key is placed, any other stays as it is", async (t) => {
  const file = path.join(tempDir(t), "a.retune.json");
  writeFileSync(file, TEXT);
  const placed = (message: string): Promise<string> => placedInRecipe(message, file);
  assert.equal(await placed("method.rank 64 is above 32"), `${file}:5: method.rank 64 is above 32`);
  assert.equal(await placed("freeze matches nothing"), `${file}:9: freeze matches nothing`);
  for (const message of ["freezes at 0 °C", "the base is gone", "methods are many"]) {
    assert.equal(await placed(message), message);
  }
  const gone = path.join(path.dirname(file), "gone.json");
  assert.equal(await placedInRecipe("method.rank is bad", gone), "method.rank is bad");
  writeFileSync(file, "{");
  const broken = await placed("method.rank is bad");
  assert.match(broken, /method\.rank is bad$/);
});
