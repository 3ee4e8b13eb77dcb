// A recipe in the editor: schema, marks on what is wrong, and the line above it that starts a run.
import assert from "node:assert/strict";
import path from "node:path";
import { suite, teardown, test } from "mocha";
import * as vscode from "vscode";
import { retune, workspaceFolder } from "./support/extension.ts";
import { until } from "./support/until.ts";
import { closeEverything } from "./support/window.ts";

async function openRecipe(name: string): Promise<vscode.TextDocument> {
  await retune();
  const uri = vscode.Uri.file(path.join(workspaceFolder(), `${name}.retune.json`));
  const document = await vscode.workspace.openTextDocument(uri);
  await vscode.window.showTextDocument(document);
  return document;
}

async function problemLike(document: vscode.TextDocument, pattern: RegExp): Promise<string> {
  const found = () => vscode.languages.getDiagnostics(document.uri).map((one) => one.message);
  return until(() => found().find((message) => pattern.test(message)), {
    what: () => `a problem like ${pattern}; there are ${JSON.stringify(found())}`,
  });
}

suite("recipes in the editor", () => {
  teardown(closeEverything);

  test("a good recipe has no problem", async () => {
    const document = await openRecipe("quick");
    // The marks of a bad one appear meanwhile, so silence here means something.
    await problemLike(await openRecipe("missing-data"), /no-such-file/);
    assert.deepEqual(vscode.languages.getDiagnostics(document.uri), []);
  });

  test("an unknown key is marked", async () => {
    await problemLike(await openRecipe("unknown-key"), /learning_rate/);
  });

  test("a value of the wrong type is marked", async () => {
    await problemLike(await openRecipe("wrong-type"), /integer|number/i);
  });

  test("what contradicts itself is marked in the words of the command line", async () => {
    await problemLike(await openRecipe("contradicted"), /^method freeze needs freeze, trainFirst/);
  });

  test("an engine takes its options in it, and what they can't be is marked", async () => {
    const document = await openRecipe("options-inside");
    await problemLike(await openRecipe("bad-option"), /minimum/);
    assert.deepEqual(vscode.languages.getDiagnostics(document.uri), []);
  });

  test("a missing data file and a missing base model are marked by name", async () => {
    await problemLike(await openRecipe("missing-data"), /no-such-file\.jsonl/);
    await problemLike(await openRecipe("missing-base"), /no-such-model/);
  });

  test("the schema completes keys", async () => {
    const document = await openRecipe("quick");
    const place = document.positionAt(document.getText().indexOf('"batchSize"') + 1);
    const labels = await until(
      async () => {
        const list = await vscode.commands.executeCommand<vscode.CompletionList>(
          "vscode.executeCompletionItemProvider",
          document.uri,
          place,
        );
        const names = list.items.map(({ label }) =>
          typeof label === "string" ? label : label.label,
        );
        return names.some((name) => name.includes("accumulate")) ? names : undefined;
      },
      { what: () => "completions of the recipe schema" },
    );
    assert.ok(labels.some((name) => name.includes("earlyStop")));
  });

  test("a line above the recipe starts the run", async () => {
    const document = await openRecipe("quick");
    const lenses = await vscode.commands.executeCommand<vscode.CodeLens[]>(
      "vscode.executeCodeLensProvider",
      document.uri,
    );
    const start = lenses.find((lens) => lens.command?.command === "retune.startRunFromRecipe");
    assert.match(start?.command?.title ?? "", /Start Run/);
  });
});
