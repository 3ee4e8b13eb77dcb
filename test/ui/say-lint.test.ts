// What VS Code shows goes through few files; lint refuses it elsewhere, however it is called.
import assert from "node:assert/strict";
import { test } from "node:test";
import { lintPlanted } from "../support/planted-lint.ts";

const CALLS = [
  'void vscode.window.showErrorMessage("");',
  'void vscode.window.showWarningMessage("");',
  'void vscode.window.showInformationMessage("");',
  'void vscode.window["showInformationMessage"]("");',
  "const { showErrorMessage } = vscode.window;",
  "void vscode.window.showQuickPick([]);",
  "void vscode.window.showInputBox();",
  "vscode.window.createQuickPick();",
  "vscode.window.createInputBox();",
  "void vscode.window.withProgress({ location: 1 }, async () => {});",
  'void new vscode.MarkdownString("");',
  'void JSON.parse("");',
];

test("messages, questions, progress and tooltips made past the few files that may are refused", () => {
  const files = ["src/ui/commands/planted.ts", "src/ui/planted.ts", "src/extension.ts"];
  const text = ['import * as vscode from "vscode";', ...CALLS].join("\n");
  const { diagnostics } = lintPlanted(Object.fromEntries(files.map((file) => [file, text])));
  for (const file of files) {
    const lines = diagnostics
      .filter(({ code, filename }) => /restricted-prop/.test(code) && filename === file)
      .map(({ labels }) => labels[0]?.span.line);
    for (const [index, call] of CALLS.entries()) assert.ok(lines.includes(index + 2), call);
  }
});
