import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { checkRecipe } from "../../../src/ui/recipes/check-recipe.ts";

const folder = mkdtempSync(path.join(tmpdir(), "retune-check-"));
after(() => rmSync(folder, { recursive: true }));
mkdirSync(path.join(folder, "whole"));
for (const file of ["whole/config.json", "whole/model.safetensors", "rows.jsonl"]) {
  writeFileSync(path.join(folder, file), "{}");
}
writeFileSync(path.join(folder, "empty.jsonl"), "");

/** Each finding as "the marked text: its message". */
async function findings(recipe: object): Promise<string[]> {
  const text = `// a comment\n${JSON.stringify(recipe, null, 2)}`;
  const found = await checkRecipe(text, folder);
  return found.map(({ offset, length, message }) => {
    const marked = text.slice(offset, offset + length);
    return `${marked}: ${message.replaceAll(folder + path.sep, "")}`;
  });
}

test("a recipe whose files are there has no finding", async () => {
  assert.deepEqual(await findings({ base: "whole", data: { train: "rows.jsonl" } }), []);
});

test("what is missing is marked where it is named", async () => {
  assert.deepEqual(await findings({ base: "none", data: { train: "no.jsonl", eval: "whole" } }), [
    '"none": There is no base model at none. Paths are relative to the recipe.',
    '"no.jsonl": There is no file at no.jsonl. Paths are relative to the recipe.',
    '"whole": whole is a folder; name a file in it.',
  ]);
});

test("an empty file and a file that is no model are marked", async () => {
  assert.deepEqual(await findings({ base: "rows.jsonl", data: { train: "empty.jsonl" } }), [
    '"rows.jsonl": A base model is a folder or a .gguf file.',
    '"empty.jsonl": empty.jsonl is empty.',
  ]);
});

test("training from scratch needs a tokenizer, not weights", async () => {
  const method = { type: "full", init: "random" };
  assert.deepEqual(await findings({ base: "whole", method, data: { train: "rows.jsonl" } }), [
    '"whole": whole has no tokenizer.json.',
  ]);
});

test("a text that is no recipe yet has no finding", async () => {
  assert.deepEqual(await checkRecipe("", folder), []);
  assert.deepEqual(await checkRecipe('{"base": ', folder), []);
});
