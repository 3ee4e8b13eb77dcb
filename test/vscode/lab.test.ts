// The interpolation lab, from the command to a saved model, in `labWorkspace`.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { setup, suite, test } from "mocha";
import * as vscode from "vscode";
import type { Interpolation } from "../../src/runs/interpolations/interpolation.ts";
import { METHOD_NAMES } from "../../src/protocol/merge-methods.ts";
import { summariseInterpolation } from "../../src/runs/interpolations/summary.ts";
import { RunsTree } from "../../src/ui/views/runs-tree.ts";
import { retune, workspaceFolder } from "./support/extension.ts";
import type { Messages } from "./support/messages.ts";
import type { QuickInput } from "./support/quick-input.ts";
import { until } from "./support/until.ts";
import { eachTest } from "./support/user.ts";
import { activeFile, isWebview, tabNamed } from "./support/window.ts";

const run = <T>(command: string, ...args: unknown[]) =>
  vscode.commands.executeCommand<T>(`retune.${command}`, ...args);
const file = (...parts: string[]) => path.join(workspaceFolder(), ...parts);
const LIMIT_MS = 40_000;

async function interpolationThat(
  interpolationDir: string,
  accepts: (interpolation: Interpolation) => boolean,
): Promise<Interpolation> {
  const { interpolations } = await retune();
  return until(
    () => {
      const interpolation = interpolations.get(interpolationDir);
      return interpolation && accepts(interpolation) ? interpolation : undefined;
    },
    { limitMs: LIMIT_MS, what: () => JSON.stringify(interpolations.get(interpolationDir)) },
  );
}

async function modelAt(name: string): Promise<{ kind: "model"; model: object }> {
  const { models } = await retune();
  models.invalidate();
  const model = (await models.entries()).find(({ label }) => label === name);
  assert.ok(model, name);
  return { kind: "model", model };
}

suite("interpolation lab", () => {
  let messages: Messages;
  let input: QuickInput;
  let interpolationDir: string;

  setup(async () => {
    const { store, adapters } = await retune();
    await store.refresh();
    adapters.invalidate();
  });
  eachTest((user) => ({ messages, input } = user));

  test("Interpolate… on a run proposes its data, and its points arrive one by one", async () => {
    const { interpolations } = await retune();
    const counts = new Set<number>();
    const listening = interpolations.onDidChangeItem(({ item }) => counts.add(item.points.length));
    const started = run<string>("interpolate", file(".retune/runs/run-finished"));
    // eval.jsonl and valid.jsonl are ticked; broken/torn.jsonl and data/other.jsonl come next.
    await input.toggle(3);
    await input.accept();
    await input.accept();
    await input.accept();
    await input.accept();
    const dir = await started;
    assert.ok(dir, JSON.stringify(messages.seen));
    interpolationDir = dir;
    assert.equal(path.dirname(dir), file(".retune/interpolations"));
    assert.ok(isWebview(await tabNamed("tiny to run-finished"), "retune.lab"));
    const { definition, points } = await interpolationThat(
      dir,
      ({ status }) => status === "finished",
    );
    listening.dispose();
    assert.deepEqual(
      definition?.data.map(({ name, role }) => [name, role]),
      [
        ["eval", "in-distribution"],
        ["valid", "validation"],
        ["other", "shifted"],
      ],
    );
    assert.equal(definition?.adapter, file(".retune/runs/run-finished/adapter"));
    assert.equal(definition?.maxLength, 64);
    assert.equal(points.length, 11);
    assert.deepEqual(Object.keys(points[0]?.results ?? {}), ["eval", "valid", "other"]);
    assert.ok(counts.size >= 4, `seen: ${[...counts].join()}`);
    assert.ok(!existsSync(path.join(dir, "work")));
    const { recommended } = summariseInterpolation(definition!, points);
    assert.deepEqual(recommended?.by, ["valid"]);
    const { text, buttons } = await messages.next(/^tiny to run-finished: Alpha/);
    assert.match(text, /lowest loss .* on valid/);
    assert.deepEqual(buttons, ["Open"]);
  });

  test("the interpolation is found in the Runs view, and one panel shows it however often it is opened", async () => {
    const { store, interpolations, evaluations } = await retune();
    const tree = new RunsTree({ store, interpolations, evaluations });
    const group = (await tree.getChildren()).at(-1);
    assert.equal(group?.kind, "interpolationGroup");
    const [row] = await tree.getChildren(group);
    assert.ok(row);
    const item = tree.getTreeItem(row);
    assert.match(String(item.description), /^alpha [\d.]+ · \d/);
    assert.match(item.contextValue ?? "", /^interpolation\b.*\bdeletable\b.*\bhasPoints\b/);
    tree.dispose();
    await run("openInterpolation", row);
    await run("openInterpolation", interpolationDir);
    await tabNamed("tiny to run-finished");
    const tabs = vscode.window.tabGroups.all.flatMap((each) => each.tabs);
    assert.equal(tabs.filter(({ label }) => label === "tiny to run-finished").length, 1);
    await run("showInterpolationLog", row);
    assert.match((await activeFile("log.txt")).getText(), /alpha 0\.5: loss eval \d/);
  });

  test("Save This Model writes the alpha that was chosen, as the command line does", async () => {
    const saved = run<string>("saveMix", interpolationDir, 0.5);
    await input.accept();
    const out = await saved;
    assert.equal(out, file("models/tiny-to-run-finished-alpha-0.5"));
    assert.ok(readFileSync(path.join(out!, "README.md"), "utf8").length > 0);
    assert.ok(existsSync(path.join(out!, "model.safetensors")));
    await messages.next(/^Saved: tiny-to-run-finished-alpha-0\.5 is the model at alpha 0\.5/);
    // Without an alpha it is asked for, the recommended one proposed.
    const asked = run<string>("saveMix", interpolationDir);
    await input.accept();
    await input.accept();
    assert.match((await asked) ?? "", /tiny-to-run-finished-alpha-[\d.]+$/);
  });

  test("two models: the saved mix is interpolated with its base; it is stopped, continued, deleted", async () => {
    const started = run<string>("interpolate", await modelAt("tiny"));
    // misfit, tiny-to-run-finished-alpha-…
    await input.accept(1);
    // Nothing is known of how these models came to be: broken/torn.jsonl comes first.
    await input.toggle(1);
    await input.accept(1);
    await input.accept();
    const dir = await started;
    assert.ok(dir, JSON.stringify(messages.seen));
    await run("stopInterpolation", dir);
    const stopped = await interpolationThat(dir, ({ status }) => status === "stopped");
    assert.ok(!existsSync(path.join(dir, "work")));
    await run("continueInterpolation", dir);
    const ended = await interpolationThat(dir, ({ status }) => status === "finished");
    assert.equal(ended.points.length, 11);
    for (const point of stopped.points) {
      assert.deepEqual(
        ended.points.find(({ alpha }) => alpha === point.alpha),
        point,
      );
    }
    await messages.next(/Without validation data nothing is recommended|lowest loss/);
    messages.answer(/^Delete interpolation/, "Delete");
    await run("deleteInterpolation", dir);
    assert.ok(!existsSync(dir));
  });

  test("Merge Models… merges what was ticked by the method that was chosen", async () => {
    const merged = run<string>("mergeModels", await modelAt("tiny"));
    // linear
    await input.accept();
    // misfit, tiny (which is ticked), tiny-to-run-finished-alpha-…
    await input.toggle(2);
    await input.accept();
    await input.accept();
    const out = await merged;
    assert.match(out ?? "", /-linear$/, JSON.stringify(messages.seen));
    assert.ok(existsSync(path.join(out!, "model.safetensors")));
    await messages.next(/^Merged: .*-linear is a whole model now/);
  });

  test("a merge's base is not among the models that it offers, and density is asked", async () => {
    const methods = METHOD_NAMES.filter((name) => name !== "passthrough");
    const merged = run<string>("mergeModels");
    await input.accept(methods.indexOf("ties"));
    // The base: misfit, tiny, …
    await input.accept(1);
    const picked = (): vscode.QuickPick<vscode.QuickPickItem> =>
      input.shown.at(-1) as vscode.QuickPick<vscode.QuickPickItem>;
    // misfit, tiny-to-run-finished-alpha-…, …-linear
    await input.toggle(1);
    assert.ok(picked().items.every(({ label }) => label !== "tiny"));
    // Weight; back to it from density with what was said before.
    await input.accept();
    await input.back();
    await input.accept();
    await input.accept();
    await input.accept();
    const out = await merged;
    assert.match(out ?? "", /-ties$/, JSON.stringify(messages.seen));
    const steps = input.shown.map(({ step, totalSteps }) => `${step}/${totalSteps}`);
    assert.deepEqual(steps.slice(1, 3), ["2/6", "3/6"]);
    assert.deepEqual(steps.slice(-2), ["5/6", "6/6"]);
  });

  test("what can't be interpolated is said in one line, and no model is left behind", async () => {
    const { interpolations } = await retune();
    const refused = async (started: Thenable<string | undefined>): Promise<string> => {
      const dir = await started;
      assert.ok(dir, JSON.stringify(messages.seen));
      const { state } = await interpolationThat(dir, ({ status }) => status === "failed");
      assert.ok(!existsSync(path.join(dir, "work")));
      return state?.message ?? "";
    };
    // Data that can't be read: broken/torn.jsonl comes after those that are ticked.
    const torn = run<string>("interpolate", file(".retune/runs/run-finished"));
    await input.toggle(0, 1, 2);
    await input.accept();
    await input.accept();
    assert.match(await refused(torn), /torn\.jsonl:2:\d+: [^\n]+$/);
    const { buttons } = await messages.next(
      /^tiny to run-finished failed: broken\/torn\.jsonl:2:\d+: /,
    );
    assert.deepEqual(buttons, ["Open Line 2", "Open", "Show Log"]);
    // Ends that do not fit.
    const misfit = run<string>("interpolate", await modelAt("misfit"));
    await input.accept();
    await input.toggle(1);
    await input.accept();
    await input.accept();
    assert.match(await refused(misfit), /can't be mixed: num_attention_heads is 2 and 4/);
    // Nothing to evaluate on.
    const before = interpolations.items().length;
    const none = run("interpolate", file(".retune/runs/run-finished"));
    await input.toggle(0, 1);
    assert.equal(await none, undefined);
    await messages.next(/Nothing to evaluate on was chosen/);
    await run("interpolate", file(".retune/runs/run-failed"));
    await messages.next(/run-failed has no adapter or model yet/);
    assert.equal(interpolations.items().length, before);
  });
});
