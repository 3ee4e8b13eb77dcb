// The rows of the three trees, made by the extension's own tree classes on its live stores, in the
// workspace of `historyWorkspace`.
import assert from "node:assert/strict";
import path from "node:path";
import { suite, test } from "mocha";
import type * as vscode from "vscode";
import { AdaptersTree } from "../../src/ui/views/adapters-tree.ts";
import { ModelsTree } from "../../src/ui/views/models-tree.ts";
import { RunsTree } from "../../src/ui/views/runs-tree.ts";
import { retune, workspaceFolder } from "./support/extension.ts";

/** Rows as "label | description", children indented. */
async function print<T>(tree: vscode.TreeDataProvider<T>, depth: number): Promise<string[]> {
  const lines = async (parent: T | undefined, level: number): Promise<string[]> => {
    const rows = (await tree.getChildren(parent)) ?? [];
    const nested = rows.map(async (row) => {
      const { label, description } = await tree.getTreeItem(row);
      const line = `${"  ".repeat(level)}${String(label)} | ${String(description)}`;
      return [line, ...(level + 1 < depth ? await lines(row, level + 1) : [])];
    });
    return (await Promise.all(nested)).flat();
  };
  return lines(undefined, 0);
}

suite("trees", () => {
  test("a base model shows architecture, parameters, dtype and size, and opens to its tensors", async () => {
    const { models } = await retune();
    const lines = await print(new ModelsTree(models), 3);
    const [first, ...rest] = lines;
    assert.match(first ?? "", /^tiny \| llama · 26\.9K · F32 · 1\d\d kB$/);
    const layers = rest.filter((line) => /^ {2}model\.layers\.\d+ \|/.test(line));
    assert.equal(layers.length, 2);
    assert.ok(
      rest.some((line) => /^ {4}self_attn\.q_proj\.weight \| 32 × 32$/.test(line)),
      lines.join("\n"),
    );
    assert.ok(rest.some((line) => /^ {2}.*embed_tokens.*\| .*259.*32/.test(line)));
  });

  test("a broken model says in one line what is wrong with it", async () => {
    const { models } = await retune();
    const lines = await print(new ModelsTree(models), 1);
    const broken = lines.find((line) => line.startsWith("truncated"));
    assert.match(broken ?? "", /model\.safetensors/);
    assert.doesNotMatch(broken ?? "", /\n|undefined|Error:/);
  });

  test("an adapter stands under its base with the figure of its run, method, rank and date", async () => {
    const { adapters } = await retune();
    const lines = await print(new AdaptersTree(adapters), 2);
    assert.equal(lines.length, 2, lines.join("\n"));
    assert.equal(lines[0], "tiny | 1");
    assert.match(lines[1] ?? "", /^ {2}run-finished \| 2\.75\d* · LoRA r=4 · \d+ \w+/);
    const [entry] = await adapters.entries();
    assert.equal(path.basename(entry?.runDir ?? ""), "run-finished");
  });

  test("runs are grouped, newest first, each with its state", async () => {
    const { store, interpolations, evaluations } = await retune();
    await store.refresh();
    const tree = new RunsTree({ store, interpolations, evaluations });
    const lines = await print(tree, 2);
    tree.dispose();
    const groups = lines.filter((line) => !line.startsWith(" "));
    assert.deepEqual(groups, ["Finished | 1", "Stopped | 1", "Failed | 1"]);
    const byName = new Map(lines.map((line) => line.trim().split(" | ") as [string, string]));
    assert.match(byName.get("run-finished") ?? "", /^2\.75\d* · \w+ · \d+ \w+/);
    assert.match(byName.get("run-failed") ?? "", /train\.jsonl.*line 7/);
    assert.match(byName.get("run-gone") ?? "", /interrupted at 5\/12/);
  });

  test("a run whose process is gone is interrupted, not running", async () => {
    const { store } = await retune();
    await store.refresh();
    const run = store.get(path.join(workspaceFolder(), ".retune/runs/run-gone"));
    assert.equal(run?.state?.status, "running");
    assert.equal(run?.status, "interrupted");
  });
});
