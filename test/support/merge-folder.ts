/** mergekit's golden models in a temporary folder, and the merges that one test file makes of them. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after } from "node:test";
import { mergeCommand } from "../../src/cli/merge.ts";
import { refuses } from "./refuses.ts";

const GOLDEN = path.join(import.meta.dirname, "../golden/mergekit");

interface MergeFolder {
  at: (...parts: string[]) => string;
  /** @returns a file of its own with this text, beside the models */
  yaml: (text: string) => string;
  /** A place for an output, where nothing is yet. */
  fresh: () => string;
  /** Asserts that a merge says this and writes nothing; in this process, for there are many. */
  refused: (message: RegExp, ...args: string[]) => Promise<void>;
}

/** To be called once in a file, before its tests: the folder goes after them. */
export function mergeFolder(models: readonly string[]): MergeFolder {
  // Each merge of this process listens for signals, and one process makes many here.
  process.setMaxListeners(0);
  const dir = mkdtempSync(path.join(tmpdir(), "retune-merge-"));
  after(() => rmSync(dir, { recursive: true }));
  const at = (...parts: string[]): string => path.join(dir, ...parts);
  for (const name of models) cpSync(path.join(GOLDEN, name), at(name), { recursive: true });
  let count = 0;
  return {
    at,
    yaml: (text) => {
      const file = at(`config-${count++}.yml`);
      writeFileSync(file, text);
      return file;
    },
    fresh: () => at(`out-${count++}`),
    refused: async (message, ...args) => {
      const before = readdirSync(dir);
      await refuses(mergeCommand.run([...args, "--out", at("refused")]), message);
      assert.deepEqual(readdirSync(dir), before, "nothing is written");
    },
  };
}
