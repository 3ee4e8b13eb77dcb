import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { suite, test } from "mocha";
import * as vscode from "vscode";
import { retune, retuneExtension } from "./support/extension.ts";

/** Time for what activation leaves running. */
const SETTLE_MS = 1_000;

suite("activation", () => {
  test("activation searches no files: trees and pickers do, when they are shown", async () => {
    const { models, adapters } = await retune();
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    assert.equal(retuneExtension().isActive, true);
    assert.deepEqual([models.isSearched, adapters.isSearched], [false, false]);
    await Promise.all([models.entries(), adapters.entries()]);
    assert.deepEqual([models.isSearched, adapters.isSearched], [true, true]);
  });

  test("every command of package.json is registered", async () => {
    await retuneExtension().activate();
    const manifest = retuneExtension().packageJSON as {
      contributes: { commands: { command: string }[] };
    };
    const registered = new Set(await vscode.commands.getCommands(true));
    const missing = manifest.contributes.commands
      .map(({ command }) => command)
      .filter((command) => !registered.has(command));
    assert.deepEqual(missing, []);
  });

  test("the extension host has not loaded onnxruntime", async () => {
    await retuneExtension().activate();
    const libraries = (process.report.getReport() as unknown as { sharedObjects: string[] })
      .sharedObjects;
    assert.ok(libraries.length > 5, "the report lists the loaded libraries");
    const modules = Object.keys(require.cache);
    const mapped = process.platform === "linux" ? readFileSync("/proc/self/maps", "utf8") : "";
    const isRuntime = (name: string) => /onnxruntime|tfjs/i.test(name);
    assert.deepEqual([...libraries, ...modules, ...mapped.split("\n")].filter(isRuntime), []);
  });
});
