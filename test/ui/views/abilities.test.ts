import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { RUN_STATUSES, type RunStatus } from "../../../src/protocol/run-folder.ts";
import { resolvedRecipeSchema } from "../../../src/protocol/recipe.ts";
import type { Run } from "../../../src/run-folder/run.ts";
import type { Interpolation } from "../../../src/runs/interpolations/interpolation.ts";
import { interpolationAbilities, runAbilities } from "../../../src/ui/views/abilities.ts";

const ALL: readonly RunStatus[] = [...RUN_STATUSES, "interrupted"];
const CREATED = "2026-11-27T10:00:00Z";
const input = {
  name: "first",
  base: "/models/tiny",
  method: { type: "lora" },
  data: { train: "/data/train.jsonl" },
  optimizer: { learningRate: 1e-4 },
  source: { retuneVersion: "0.1.0", createdAt: CREATED },
};
const recipe = resolvedRecipeSchema.parse(input);
const classifier = resolvedRecipeSchema.parse({ ...input, objective: { type: "classification" } });

function run(status: RunStatus, changes: Partial<Run> = {}): Run {
  return {
    dir: "/r/a",
    id: "a",
    name: "first",
    status,
    state: { status: "running", step: 1, createdAt: CREATED },
    recipe,
    hasAdapter: false,
    hasModel: false,
    hasCheckpoint: true,
    ...changes,
  };
}

function interpolation(status: RunStatus, changes: Partial<Interpolation> = {}): Interpolation {
  return { dir: "/i/a", id: "a", name: "a", status, points: [], ...changes };
}

const point = { alpha: 0, results: {} };
const those = (has: (status: RunStatus) => boolean): RunStatus[] => ALL.filter(has);

test("what has yet to end can be stopped, what ended early goes on, what no process works on goes away", () => {
  for (const abilities of [
    (status: RunStatus) => runAbilities(run(status)),
    (status: RunStatus) => interpolationAbilities(interpolation(status)),
  ]) {
    const having = (word: string) => those((status) => abilities(status).includes(word));
    assert.deepEqual(having("stoppable"), ["queued", "starting", "running", "stopping"]);
    assert.deepEqual(having("resumable"), ["queued", "stopped", "failed", "interrupted"]);
    assert.deepEqual(having("deletable"), [
      "queued",
      "finished",
      "stopped",
      "failed",
      "interrupted",
    ]);
  }
});

test("a run of another engine is shown, stopped and deleted, and not resumed", () => {
  const foreign = { reason: "it is newer", unknown: {} };
  for (const status of ALL) {
    const words = runAbilities(run(status, { foreign }));
    assert.deepEqual(
      words,
      runAbilities(run(status)).filter((word) => word !== "resumable"),
      status,
    );
  }
});

test("a run whose recipe is broken can't be resumed; one whose state alone is broken goes by its checkpoints", () => {
  const problem = "state.json: not JSON";
  const { state: _, ...stateless } = run("failed", { problem });
  assert.ok(runAbilities(stateless).includes("resumable"));
  const { recipe: __, ...neither } = stateless;
  assert.deepEqual(runAbilities(neither), ["deletable"]);
  assert.deepEqual(runAbilities(run("failed", { problem })), ["deletable"]);
});

test("a result can be asked by the way that it answers, an adapter be merged", () => {
  assert.deepEqual(runAbilities(run("finished", { hasAdapter: true })), [
    "deletable",
    "hasAdapter",
    "hasOutput",
    "writesText",
  ]);
  assert.deepEqual(runAbilities(run("finished", { hasModel: true, recipe: classifier })), [
    "deletable",
    "hasOutput",
    "labelsText",
  ]);
  const { recipe: _, ...unknown } = run("finished", { hasAdapter: true });
  assert.deepEqual(runAbilities(unknown), ["deletable", "hasAdapter", "hasOutput"]);
});

test("an interpolation that can't be read is not continued; its points can be used", () => {
  assert.deepEqual(interpolationAbilities(interpolation("failed", { problem: "x" })), [
    "deletable",
  ]);
  assert.deepEqual(interpolationAbilities(interpolation("finished", { points: [point] })), [
    "deletable",
    "hasPoints",
  ]);
});

test("package.json asks in the Runs view for no word that no row has", () => {
  const manifest = JSON.parse(readFileSync("package.json", "utf8")) as {
    contributes: { menus: Record<string, { when?: string }[]> };
  };
  const whens = Object.values(manifest.contributes.menus)
    .flat()
    .map(({ when = "" }) => when);
  const asked = whens
    .filter((when) => when.includes("view == retune.runs"))
    .flatMap((when) =>
      [...when.matchAll(/viewItem =~ \/(.+?)\/(?: |$)/gu)].map(([, text]) => text ?? ""),
    );
  assert.ok(asked.length > 15);
  const rows = ALL.flatMap((status) => [
    ["run", ...runAbilities(run(status, { hasAdapter: true }))],
    ["run", ...runAbilities(run(status, { hasModel: true, recipe: classifier }))],
    ["interpolation", ...interpolationAbilities(interpolation(status, { points: [point] }))],
    ["evaluation"],
  ]).map((words) => words.join(" "));
  for (const pattern of asked) {
    assert.ok(
      rows.some((row) => new RegExp(pattern, "u").test(row)),
      pattern,
    );
  }
});
