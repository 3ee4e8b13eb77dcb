import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { openBaseModel } from "../../../src/models/base-model.ts";
import { readBaseTensors } from "../../../src/ui/layers/base-tensors.ts";
import { InputError } from "../../../src/util/errors.ts";
import { writeTinyLlama } from "../../support/tiny-llama.ts";

test("the editor reads the tensors that the trainer trains", async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), "retune-base-"));
  t.after(() => rmSync(dir, { recursive: true }));
  writeTinyLlama(dir);
  const { architecture } = await openBaseModel(dir);
  const shapes = (tensors: readonly { name: string; shape: readonly number[] }[]) =>
    tensors.map(({ name, shape }) => `${name} ${shape.join("×")}`).toSorted();
  assert.deepEqual(shapes(await readBaseTensors(dir)), shapes(architecture.tensors));
  assert.ok(existsSync(dir));
});

test("a folder that is no model is refused", async () => {
  await assert.rejects(readBaseTensors(tmpdir()), InputError);
});
