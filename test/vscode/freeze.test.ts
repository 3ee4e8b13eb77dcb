// Freeze Layers… in the workspace of `brokenWorkspace`: the tree, what a tick and a preset write
// into the recipe, and what is said where nothing can be chosen.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { setup, suite, suiteSetup, teardown, test } from "mocha";
import * as vscode from "vscode";
import type { RetuneApi } from "../../src/extension.ts";
import type { LayerNode } from "../../src/ui/layers/layer-nodes.ts";
import { LayersTree, messageOf } from "../../src/ui/layers/layers-tree.ts";
import { retune, workspaceFolder } from "./support/extension.ts";
import { Messages } from "./support/messages.ts";
import { QuickInput } from "./support/quick-input.ts";
import { until } from "./support/until.ts";
import { closeEverything } from "./support/window.ts";

const FULL = `// A recipe of the test.
{
  "base": "models/tiny",
  "method": { "type": "full" }, // all of it
  "data": { "train": "data/train.jsonl", "evalSplit": 0.2, "maxLength": 64 },
  "batchSize": 2,
}
`;

const run = (command: string, ...args: unknown[]) =>
  vscode.commands.executeCommand(`retune.${command}`, ...args);

function recipe(name: string, text = FULL): vscode.Uri {
  const file = path.join(workspaceFolder(), `${name}.retune.json`);
  writeFileSync(file, text);
  return vscode.Uri.file(file);
}

suite("Freeze Layers…", () => {
  let api: RetuneApi;
  let messages: Messages;
  let input: QuickInput;
  let tree: LayersTree;

  suiteSetup(async () => {
    api = await retune();
  });
  setup(() => {
    messages = new Messages();
    input = new QuickInput();
    tree = new LayersTree(api.layers, api.layerMeasure);
  });
  teardown(async () => {
    tree.dispose();
    messages.dispose();
    input.dispose();
    await vscode.commands.executeCommand("workbench.action.revertAndCloseActiveEditor");
    await closeEverything();
    api.layers.close();
  });

  /** Rows as "[x] label | description", children indented. */
  function print(depth: number, parent?: LayerNode, level = 0): string[] {
    return tree.getChildren(parent).flatMap((row) => {
      const { label, description, checkboxState } = tree.getTreeItem(row);
      const state = typeof checkboxState === "object" ? checkboxState.state : checkboxState;
      const box = state === undefined ? "" : state === 1 ? "[x] " : "[ ] ";
      const line = `${"  ".repeat(level)}${box}${String(label)} | ${String(description)}`;
      const isOpen = level + 1 < depth && typeof row === "object";
      return [line, ...(isOpen ? print(depth, row, level + 1) : [])];
    });
  }

  function node(label: string, among: readonly LayerNode[] = api.layers.layers!.nodes): LayerNode {
    const find = (nodes: readonly LayerNode[]): LayerNode | undefined =>
      nodes.find((each) => each.label === label) ??
      nodes.map(({ children }) => find(children)).find((found) => found !== undefined);
    const found = find(among);
    assert.ok(found, label);
    return found;
  }

  const message = () => messageOf(api.layers.layers!, api.layerMeasure.state);
  const text = () => api.layers.layers!.document.getText();

  test("opens the recipe and its base model's layers, all ticked where all is trained", async () => {
    await run("freezeLayers", recipe("frozen-a"));
    assert.equal(vscode.window.activeTextEditor?.document, api.layers.layers?.document);
    assert.deepEqual(print(3), [
      "Measure memory and step time | undefined",
      "[x] Embeddings | 259 × 32",
      ...["Block 0", "Block 1 (last)"].flatMap((block) => [
        `[x] ${block} | 9.28K`,
        "  [x] Attention | 3.07K",
        ...["q_proj", "k_proj", "v_proj", "o_proj"].map(
          (label) => `    [x] ${label} | ${/^[kv]/.test(label) ? "16 × 32" : "32 × 32"}`,
        ),
        "  [x] MLP | 6.14K",
        ...["gate_proj", "up_proj", "down_proj"].map(
          (label) => `    [x] ${label} | ${label === "down_proj" ? "32 × 64" : "64 × 32"}`,
        ),
        "  [x] Norms | 64",
        ...["input_layernorm", "post_attention_layernorm"].map((label) => `    [x] ${label} | 32`),
      ]),
      "[x] Last norm | 32",
    ]);
    assert.equal(message(), "26.9K of 26.9K trainable (100 %)");
    assert.equal(text(), FULL, "looking changes nothing");
  });

  test("a parent's tick is its children's, and a part of them is said in words", async () => {
    await run("freezeLayers", recipe("frozen-b"));
    await api.layers.tick(node("Block 0"), false);
    assert.deepEqual(print(2).slice(2, 6), [
      "[ ] Block 0 | 9.28K",
      "  [ ] Attention | 3.07K",
      "  [ ] MLP | 6.14K",
      "  [ ] Norms | 64",
    ]);
    assert.match(
      text(),
      /"method": \{ "type": "freeze" \}, \/\/ all of it\n {2}"freeze": \["model\.layers\.0"\],\n/,
    );
    assert.equal(message(), "17.6K of 26.9K trainable (65.5 %)");
    await api.layers.tick(node("MLP", [node("Block 0")]), true);
    assert.deepEqual(print(2).slice(2, 6), [
      "[ ] Block 0 | 3 of 9 trained",
      "  [ ] Attention | 3.07K",
      "  [x] MLP | 6.14K",
      "  [ ] Norms | 64",
    ]);
    await api.layers.tick(node("Block 0"), true);
    assert.equal(text(), FULL, "all of it is method full again");
  });

  test("what is written is for the user to undo and to save", async () => {
    const uri = recipe("frozen-c");
    await run("freezeLayers", uri);
    await api.layers.tick(node("Embeddings"), false);
    const { document } = api.layers.layers!;
    assert.match(text(), /"freeze": \["model\.embed_tokens"\]/);
    assert.ok(document.isDirty);
    await vscode.window.showTextDocument(document);
    await vscode.commands.executeCommand("undo");
    await until(() => (api.layers.layers?.trained.size === 20 ? true : undefined), {
      what: () => `all ticked; ${text()}`,
    });
    assert.equal(text(), FULL);
    await api.layers.tick(node("Last norm"), false);
    await run("saveLayers");
    assert.ok(!document.isDirty);
    assert.match(String(await vscode.workspace.fs.readFile(uri)), /"freeze": \["model\.norm"\]/);
  });

  test("what is typed into the recipe is ticked, and a slip on the way loses nothing", async () => {
    await run("freezeLayers", recipe("frozen-d"));
    const { document } = api.layers.layers!;
    const type = async (from: string, to: string) => {
      const edit = new vscode.WorkspaceEdit();
      const at = document.getText().indexOf(from);
      assert.ok(at >= 0, from);
      const range = new vscode.Range(
        document.positionAt(at),
        document.positionAt(at + from.length),
      );
      edit.replace(document.uri, range, to);
      await vscode.workspace.applyEdit(edit);
    };
    await type('"type": "full" }', '"type": "freeze" }, "trainLast" 1');
    await until(() => api.layers.layers?.problem, { what: () => "the problem" });
    assert.match(message(), /^frozen-d\.retune\.json:4: not valid JSON: ColonExpected$/);
    await assert.rejects(api.layers.tick(node("Last norm"), false), /not valid JSON/);
    await type('"trainLast" 1', '"trainLast": 1');
    await until(() => (api.layers.layers?.problem === undefined ? true : undefined), {
      what: message,
    });
    assert.equal(message(), "9.28K of 26.9K trainable (34.5 %)");
    assert.deepEqual(
      print(1).map((line) => line.slice(0, 3)),
      ["Mea", "[ ]", "[ ]", "[x]", "[ ]"],
    );
  });

  test("presets are picked by name, and the last n blocks by number", async () => {
    await run("freezeLayers", recipe("frozen-e"));
    const pick = async (down: number, answers = 0) => {
      const done = run("layerPreset");
      await input.accept(down);
      for (let i = 0; i < answers; i++) await input.accept();
      await done;
    };
    await pick(0);
    assert.match(text(), /"freeze": \["\*", "!model\.embed_tokens"\]/, "a tied head");
    await pick(1, 1);
    assert.match(text(), /"trainLast": 2,/);
    await pick(2);
    assert.match(text(), /"freeze": \["model\.embed_tokens"\]/);
    await pick(3);
    assert.match(text(), /"freeze": \["\*", "!\*norm"\]/);
    assert.equal(message(), "160 of 26.9K trainable (0.6 %)");
    await pick(5);
    assert.match(text(), /"freeze": \["\*"\]/);
    assert.match(message(), /^Nothing is ticked/);
    await pick(4);
    assert.equal(text(), FULL);
  });

  test("with an adapter the choice is where it attaches", async () => {
    const lora = FULL.replace('"type": "full"', '"type": "lora", "rank": 4');
    await run("freezeLayers", recipe("frozen-f", lora));
    assert.deepEqual(print(1).slice(1), ["[x] Block 0 | 9.22K", "[x] Block 1 (last) | 9.22K"]);
    await api.layers.tick(node("Block 0"), false);
    assert.equal(message(), "Adapter on 7 of 14 layers");
    assert.match(text(), /"type": "lora", "rank": 4 \}, \/\/ all of it\n {2}"trainLast": 1,/);
  });

  test("where a method edits whole blocks, blocks are ticked", async () => {
    const reft = FULL.replace('"type": "full"', '"type": "loreft", "rank": 4');
    await run("freezeLayers", recipe("frozen-r", reft));
    assert.deepEqual(print(2).slice(1), ["[x] Block 0 | 9.28K", "[x] Block 1 (last) | 9.28K"]);
    await api.layers.tick(node("Block 1 (last)"), false);
    assert.equal(message(), "Edits 1 of 2 blocks");
    assert.match(text(), /"trainFirst": 1,/);
  });

  test("where rows are labelled, the new head is a row without a box, and nothing ticked is a probe", async () => {
    const labels = FULL.replace('"type": "full" },', '"type": "freeze" }, "trainLast": 1,').replace(
      '"batchSize"',
      '"objective": { "type": "classification" },\n  "batchSize"',
    );
    await run("freezeLayers", recipe("frozen-l", labels));
    assert.deepEqual(print(1).slice(1), [
      "[ ] Embeddings | 259 × 32",
      "[ ] Block 0 | 9.28K",
      "[x] Block 1 (last) | 9.28K",
      "[ ] Last norm | 32",
      "Head | new, always trained",
    ]);
    assert.equal(message(), "9.28K of 26.9K trainable (34.5 %), and the new head");
    const done = run("layerPreset");
    await input.accept(0);
    await done;
    assert.match(text(), /"method": \{ "type": "head" \}/);
    assert.doesNotMatch(text(), /trainLast|"freeze":/);
    assert.equal(message(), "The new head alone: a linear probe");
    await api.layers.tick(node("Last norm"), true);
    assert.match(text(), /"type": "freeze" \}/);
    assert.match(text(), /"freeze": \["\*", "!model\.norm"\]/);
  });

  test("memory and step time are measured when asked, and again after the next tick", async () => {
    await run("freezeLayers", recipe("frozen-g"));
    await api.layers.tick(node("Last norm"), false);
    await run("measureLayers");
    const measured = / trainable \(\d+\.\d %\) · [\d.]+\sMB · [\d.]+\sm?s\sa\sstep$/;
    assert.match(message(), measured);
    assert.match(message(), /^26\.8K of 26\.9K /);
    assert.match(print(1)[0] ?? "", /^Measured \| whole run (about|under) /);
    await api.layers.tick(node("Block 0"), false);
    assert.equal(message(), "17.6K of 26.9K trainable (65.4 %)", "no longer true, so not said");
    await until(() => (measured.test(message()) ? true : undefined), { what: message });
    assert.match(message(), /^17\.6K of 26\.9K /);
  });

  test("what stops a measurement is said where it would stand", async () => {
    const text = FULL.replace("data/train.jsonl", "data/no-such-file.jsonl");
    await run("freezeLayers", recipe("frozen-m", text));
    await run("measureLayers");
    assert.match(message(), / · not measured$/);
    const { label, tooltip } = tree.getTreeItem("cost");
    assert.equal(label, "Not measured");
    assert.match(
      String(tooltip),
      /^frozen-m\.retune\.json:\d+: training data data\/no-such-file\.jsonl does not exist/,
    );
  });

  test("a base model asks which of its recipes, or writes a new one", async () => {
    const model = (await api.models.entries()).find(({ label }) => label === "tiny");
    const count = (await vscode.workspace.findFiles("*.retune.json")).length;
    const done = run("freezeLayers", { kind: "model", model });
    // Up from the first row is the last: a new recipe.
    await input.accept(-1);
    await input.accept();
    await input.accept();
    await done;
    assert.equal((await vscode.workspace.findFiles("*.retune.json")).length, count + 1);
    assert.match(text(), /"type": "freeze"[^]*"trainLast": 2/);
    assert.equal(message(), "18.6K of 26.9K trainable (69.0 %)");
  });

  test("closing the recipe's tab, or the view, ends it", async () => {
    await run("freezeLayers", recipe("frozen-h"));
    await closeEverything();
    await until(() => (api.layers.layers === undefined ? true : undefined), {
      what: () => "the end",
    });
    await run("freezeLayers", recipe("frozen-i"));
    await run("closeLayers");
    assert.equal(api.layers.layers, undefined);
    await run("layerPreset");
    await messages.next(/No recipe is open in the Layers view/);
  });

  for (const [name, change, pattern] of [
    ["no-such-base", ["models/tiny", "models/none"], /models\/none.*config\.json/],
    ["broken-base", ["models/tiny", "models/truncated"], /models\/truncated\/model\.safetensors/],
    ["slip", ['"base":', '"base"'], /slip\.retune\.json:3: not valid JSON/],
    [
      "no-layers",
      ['"type": "full"', '"type": "prompt-tuning"'],
      /^method prompt-tuning trains virtual tokens/,
    ],
    [
      "no-match",
      ['"type": "full" },', '"type": "freeze" }, "freeze": ["layers.7"],'],
      /^freeze "layers\.7" matches no tensor of models\/tiny; it has /,
    ],
  ] as const) {
    test(`${name} is refused in one line, and nothing opens`, async () => {
      await run("freezeLayers", recipe(`bad-${name}`, FULL.replace(change[0], change[1])));
      const { text: said, severity } = await messages.next(pattern);
      assert.equal(severity, "error");
      assert.doesNotMatch(said, /\n|undefined|\[object/);
      assert.equal(api.layers.layers, undefined);
    });
  }
});
