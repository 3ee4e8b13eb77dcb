import assert from "node:assert/strict";
import { appendFileSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { createInterpolation } from "../../../src/runs/interpolations/create-interpolation.ts";
import { InterpolationStore } from "../../../src/runs/interpolations/interpolation-store.ts";
import { tempDir } from "../../support/temp-dir.ts";

test("a new point is a change, a line of the log is not, and old folders are listed too", async (t) => {
  const dir = tempDir(t);
  const file = path.join(dir, "mails.jsonl");
  writeFileSync(file, '{"text": "a"}\n');
  const create = (folder: string, name: string) =>
    createInterpolation(
      {
        name,
        base: "/models/tiny",
        tuned: "/models/tone",
        alphas: [0, 1],
        data: [{ name: "mails", file, role: "validation" }],
      },
      { interpolationsDir: path.join(dir, folder) },
    );
  const [made, old] = [await create("interpolations", "new"), await create("sweeps", "old")];
  renameSync(path.join(old, "interpolation.json"), path.join(old, "sweep.json"));
  const store = new InterpolationStore();
  t.after(() => store.dispose());
  const news: string[] = [];
  store.onDidChangeItem(({ type, item }) => news.push(`${item.name} ${type}`));
  await store.setRoots([path.dirname(made), path.dirname(old)]);
  assert.deepEqual(news.splice(0).toSorted(), ["new added", "old added"]);
  const point = { alpha: 0, results: { mails: { loss: 1 } } };
  appendFileSync(path.join(made, "points.jsonl"), `${JSON.stringify(point)}\n`);
  await store.refresh();
  assert.deepEqual(news.splice(0), ["new changed"]);
  assert.deepEqual(store.get(made)?.points, [point]);
  appendFileSync(path.join(old, "log.txt"), "a line\n");
  await store.refresh();
  assert.deepEqual(news.splice(0), ["old log"]);
});
