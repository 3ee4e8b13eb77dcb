// What VS Code shows goes through few files; lint refuses it elsewhere, however it is called.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";

const root = path.resolve(import.meta.dirname, "../..");
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
  const folder = mkdtempSync(path.join(tmpdir(), "retune-lint-"));
  try {
    cpSync(path.join(root, ".oxlintrc.json"), path.join(folder, ".oxlintrc.json"));
    const files = ["src/ui/commands/planted.ts", "src/ui/planted.ts", "src/extension.ts"];
    for (const file of files) {
      mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
      const text = ['import * as vscode from "vscode";', ...CALLS].join("\n");
      writeFileSync(path.join(folder, file), text);
    }
    const oxlint = path.join(root, "node_modules/oxlint/bin/oxlint");
    const { stdout } = spawnSync(process.execPath, [oxlint, "--format=json", "."], {
      cwd: folder,
      encoding: "utf8",
    });
    const { diagnostics } = JSON.parse(stdout) as {
      diagnostics: { code: string; filename: string; labels: { span: { line: number } }[] }[];
    };
    for (const file of files) {
      const lines = diagnostics
        .filter(({ code, filename }) => /restricted-prop/.test(code) && filename === file)
        .map(({ labels }) => labels[0]?.span.line);
      for (const [index, call] of CALLS.entries()) assert.ok(lines.includes(index + 2), call);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
