/** What a panel's view is kept as: at once, after changes, and with a scroll position that nothing overwrites too early. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ViewKeeper, keptOf } from "../../../media/shared/view-keeper.ts";

/** The part of a window that keeping needs, in Node's own events and timers. */
class Page extends EventTarget {
  scrollY = 0;
  readonly setTimeout = setTimeout;
  readonly clearTimeout = clearTimeout;

  scrollTo(_x: number, y: number): void {
    this.scrollY = y;
    this.dispatchEvent(new Event("scroll"));
  }
}

function open(t: TestContext, view: { runDir: string; scrollY: number }) {
  const page = new Page();
  const before = Object.getOwnPropertyDescriptor(globalThis, "window");
  Object.defineProperty(globalThis, "window", { value: page, configurable: true });
  t.after(() => {
    if (before) Object.defineProperty(globalThis, "window", before);
    else Reflect.deleteProperty(globalThis, "window");
  });
  const kept: object[] = [];
  const keeper = new ViewKeeper(view, (now) => kept.push({ ...now }));
  return { page, keeper, kept };
}

const SAVED_AFTER_MS = 400;

test("a page that is not scrolled back yet keeps where it was", async (t) => {
  const { page, keeper, kept } = open(t, { runDir: "/r", scrollY: 120 });
  keeper.saveSoon();
  page.dispatchEvent(new Event("scroll"));
  await sleep(SAVED_AFTER_MS);
  const whole = { runDir: "/r", scrollY: 120 };
  assert.deepEqual(kept, [whole, whole], "many changes are kept once");
});

test("once it is scrolled back, which happens once, it keeps where the person scrolls", async (t) => {
  const { page, keeper, kept } = open(t, { runDir: "/r", scrollY: 120 });
  keeper.restoreScroll();
  assert.equal(page.scrollY, 120);
  page.scrollTo(0, 30);
  keeper.restoreScroll();
  assert.equal(page.scrollY, 30);
  await sleep(SAVED_AFTER_MS);
  assert.deepEqual(kept.at(-1), { runDir: "/r", scrollY: 30 });
});

test("what was kept of another folder, or is nothing, is not taken", () => {
  const saved = { runDir: "/r", scrollY: 1 };
  assert.equal(keptOf(saved, "runDir", "/r"), saved);
  for (const other of [null, undefined, "text", { runDir: "/s" }, []]) {
    assert.deepEqual(keptOf(other, "runDir", "/r"), {});
  }
});
