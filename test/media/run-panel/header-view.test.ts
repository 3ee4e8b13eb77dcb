import assert from "node:assert/strict";
import { test } from "node:test";
import { headerView } from "../../../media/run-panel/header-view.ts";
import { runView } from "./run-view.ts";
import type { RunView } from "../../../src/protocol/panel-messages.ts";

/** A run of which no word of the recipe is known. */
function foreignView(foreign: Partial<NonNullable<RunView["foreign"]>>): RunView {
  const { recipe: _, method: __, ...rest } = runView();
  return { ...rest, foreign: { reason: "it is newer", unknown: {}, ...foreign } };
}

test("below the name stand the method and the base's own name; the tooltip has whole paths", () => {
  const { name, status, subtitle } = headerView(runView());
  assert.deepEqual([name, status], ["support-tone", "running"]);
  assert.equal(subtitle.text, "LoRA, rank 16 · SmolLM2-135M-Instruct");
  assert.equal(subtitle.title, "/models/SmolLM2-135M-Instruct\n/home/me/project/.retune/runs/a");
});

test("a recipe of another engine is shown by the words that are known of it", () => {
  const subtitleOf = (foreign: Parameters<typeof foreignView>[0]) =>
    headerView(foreignView(foreign)).subtitle;
  assert.equal(subtitleOf({ method: "moe", base: "org/big" }).text, "moe · big");
  assert.equal(subtitleOf({ engine: "cloud", base: "org/big" }).text, "cloud · big");
  assert.equal(subtitleOf({ method: "moe", engine: "cloud" }).text, "moe");
  assert.deepEqual(
    subtitleOf({}),
    {
      text: "a",
      title: "/home/me/project/.retune/runs/a",
    },
    "nothing is known but the folder",
  );
});

test("what can't be gone on with has no button for it, and says why", () => {
  const view = headerView({ ...foreignView({ base: "b" }), status: "interrupted" });
  assert.ok(view.buttons.every(({ action }) => action !== "resume"));
  assert.match(view.banner?.hint ?? "", /not resumed here: it is newer\.$/);
});
