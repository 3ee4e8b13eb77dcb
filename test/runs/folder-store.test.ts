import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import type { RunStatus } from "../../src/protocol/run-folder.ts";
import { type FolderItem, FolderStore } from "../../src/runs/folder-store.ts";
import { until } from "../support/until.ts";

interface Opened {
  root: string;
  store: FolderStore<FolderItem, "log">;
  /** Folder names and what happened to them, since the last call. */
  news: () => string[];
  put: (name: string, status: RunStatus) => void;
  reads: () => number;
}

/** Items whose status is what their file `state` says. */
function open(t: TestContext, idlePollMs = 3_600_000): Opened {
  const root = path.join(mkdtempSync(path.join(tmpdir(), "retune-store-")), "runs");
  t.after(() => rmSync(path.dirname(root), { recursive: true, force: true }));
  let [reads, news]: [number, string[]] = [0, []];
  const store = new FolderStore<FolderItem, "log">({
    read: async (dir) => {
      reads++;
      const status = await readFile(path.join(dir, "state"), "utf8").catch(() => undefined);
      return status === undefined
        ? undefined
        : { dir, id: path.basename(dir), status: status as RunStatus };
    },
    files: ["state"],
    parts: { log: "log" },
    createdAt: ({ id }) => id,
    activePollMs: idlePollMs,
    idlePollMs,
  });
  t.after(() => store.dispose());
  store.onDidChangeItem(({ type, item }) => news.push(`${item.id} ${type}`));
  return {
    root,
    store,
    news: () => news.splice(0),
    put: (name, status) => {
      mkdirSync(path.join(root, name), { recursive: true });
      writeFileSync(path.join(root, name, "state"), status);
    },
    reads: () => reads,
  };
}

test("folders come, change and go, newest first; what is none of ours is passed over", async (t) => {
  const { root, store, news, put } = open(t);
  await store.setRoots([root]);
  assert.deepEqual(store.items(), []);
  put("a", "finished");
  put("b", "queued");
  put(".c", "finished");
  mkdirSync(path.join(root, "d"));
  writeFileSync(path.join(root, "file"), "");
  await store.refresh();
  assert.deepEqual(news().toSorted(), ["a added", "b added"]);
  assert.deepEqual(
    store.items().map(({ id }) => id),
    ["b", "a"],
  );
  put("b", "stopped");
  await store.refresh();
  assert.deepEqual(news(), ["b changed"]);
  assert.equal(store.get(path.join(root, "b"))?.status, "stopped");
  rmSync(path.join(root, "a"), { recursive: true });
  await store.refresh();
  assert.deepEqual(news(), ["a removed"]);
  await store.setRoots([]);
  assert.deepEqual(news(), ["b removed"]);
});

test("a part that grows is told apart, and what has not changed is not read again", async (t) => {
  const { root, store, news, put, reads } = open(t);
  put("a", "finished");
  await store.setRoots([root]);
  news();
  const before = reads();
  await store.refresh();
  assert.deepEqual(news(), []);
  appendFileSync(path.join(root, "a", "log"), "line\n");
  await store.refresh();
  assert.deepEqual(news(), ["a log"]);
  assert.equal(reads(), before);
});

test("a folder that comes later is seen without a refresh, also below a root that was not there", async (t) => {
  const { root, store, news, put } = open(t, 100);
  await store.setRoots([root]);
  // Its timers keep no process; a window does.
  const window = setInterval(() => undefined, 1_000);
  t.after(() => clearInterval(window));
  put("a", "running");
  await until(() => store.get(path.join(root, "a")) !== undefined, "the folder");
  put("a", "finished");
  await until(() => store.get(path.join(root, "a"))?.status === "finished", "its end");
  assert.deepEqual([...new Set(news())], ["a added", "a changed"]);
});

test("nothing is told after it was disposed of", async (t) => {
  const { root, store, news, put } = open(t);
  await store.setRoots([root]);
  store.dispose();
  put("a", "finished");
  await store.refresh();
  assert.deepEqual(news(), []);
});
