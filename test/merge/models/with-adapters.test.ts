/** What a merge needs on the way, and what one leaves that is killed. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { mergeModels } from "../../../src/merge/models/weighted-sum.ts";
import { besideOutput } from "../../../src/merge/output-folder.ts";
import { currentProcessIdentity } from "../../../src/util/process-identity.ts";
import { processMark } from "../../../src/util/process-mark.ts";

const golden = path.join(import.meta.dirname, "../../golden/mergekit");
const dir = mkdtempSync(path.join(tmpdir(), "retune-adapted-"));
after(() => rmSync(dir, { recursive: true }));

/** As a process of this pid left it that started at another time. */
async function leftover(outDir: string): Promise<string> {
  const identity = { ...(await currentProcessIdentity()), startedAt: "before" };
  const folder = `${outDir}.${await processMark(identity)}.tmp`;
  mkdirSync(path.join(folder, "0/model"), { recursive: true });
  writeFileSync(path.join(folder, "0/model/model.safetensors"), "half");
  return folder;
}

test("a merge removes what a killed one to the same output left", async () => {
  const out = path.join(dir, "merged");
  const left = await leftover(out);
  const others = await leftover(path.join(dir, "other"));
  const models = ["b", "c"].map((name) => ({ dir: path.join(golden, name), weight: 0.5 }));
  await mergeModels({ models, outDir: out });
  assert.equal(existsSync(left), false);
  assert.equal(existsSync(others), true);
  assert.ok(readdirSync(out).includes("config.json"));
});

test("adapters' models are merged in a folder that the next merge would remove, in a place yet to be made", async () => {
  const out = path.join(dir, "new/place/merged");
  const left = await leftover(out);
  const seen = await besideOutput(out, async (folder) => {
    assert.equal(existsSync(left), false);
    // A merge within, to the same output, leaves it alone.
    await besideOutput(out, () => Promise.resolve());
    assert.ok(existsSync(folder));
    return folder;
  });
  assert.match(path.basename(seen), /^merged\.\d+-[0-9a-f]+\.tmp$/u);
  assert.deepEqual(readdirSync(path.dirname(out)), []);
});
