// A classifier's run as a person sees it: the panel with its confusion matrix.
import assert from "node:assert/strict";
import { after, afterEach, before, suite, test } from "node:test";
import { hasSamples, manyLabelsWorkspace, samplesWorkspace } from "../vscode/support/workspaces.ts";
import { openSession, type Session } from "./session.ts";
import type { Workbench } from "./workbench.ts";

const RUN_LIMIT_MS = 5 * 60_000;
const TOPICS = ["animal", "artifact", "body", "food", "person", "plant"];
const EVALUATION_ROWS = 180;

const skip = !hasSamples && "the sample model is not there";

suite("a classifier", { concurrency: false, skip }, () => {
  let session: Session;
  let window: Workbench;

  before(async () => {
    session = await openSession({ prepare: samplesWorkspace, folderName: "samples" });
    window = session.workbench;
  });
  afterEach((context) => session.shootFailure(context));
  after(async () => {
    await session.close();
  });

  test("its panel shows how each label was given, while it trains and when it has ended", async () => {
    await window.openFile("topics.retune.json");
    await window.codeLens("Start Run").click();
    await window.tab("topics").waitFor();
    const page = window.webview();
    const matrix = page.getByRole("table", { name: /^Confusion matrix/ });
    await matrix.waitFor({ timeout: RUN_LIMIT_MS });
    await page.getByRole("status").getByText("Finished").waitFor({ timeout: RUN_LIMIT_MS });
    const heads = await matrix.locator("thead th").allInnerTexts();
    assert.deepEqual(heads.slice(1), TOPICS);
    assert.deepEqual(await matrix.locator("tbody th").allInnerTexts(), TOPICS);
    const counts = (await matrix.locator("td").allInnerTexts()).map(Number);
    assert.equal(counts.length, TOPICS.length ** 2);
    const sum = (numbers: number[]): number => numbers.reduce((a, b) => a + b, 0);
    assert.equal(sum(counts), EVALUATION_ROWS);
    const right = sum(counts.filter((_, at) => at % (TOPICS.length + 1) === 0));
    const share = ((100 * right) / EVALUATION_ROWS).toFixed(1);
    const figures = page.locator(".evaluation-figures");
    await figures.getByText(`accuracy ${share} %`).waitFor();
    assert.match(await figures.innerText(), /feature distortion \d/);
    const scores = page.getByRole("table", { name: "Scores of each label" });
    assert.equal(await scores.locator("tbody tr").count(), TOPICS.length);
    assert.equal(await page.getByRole("button", { name: "Generate…" }).count(), 0);
    assert.equal(await page.getByRole("button", { name: "Classify Text…" }).count(), 1);
    await window
      .row("Runs", /^topics$/)
      .filter({ hasText: /\d+\.\d % · / })
      .waitFor();
  });
});

suite("many labels with long names", { concurrency: false }, () => {
  let session: Session;

  before(async () => {
    session = await openSession({ prepare: manyLabelsWorkspace });
  });
  afterEach((context) => session.shootFailure(context));
  after(async () => {
    await session.close();
  });

  async function panelOf(run: string): Promise<ReturnType<Workbench["webview"]>> {
    const { workbench: window } = session;
    await window.command("View: Close All Editors");
    await window.row("Runs", new RegExp(`^${run}$`)).dblclick();
    await window.tab(run).waitFor();
    return window.webview();
  }

  test("scroll in a frame of their own, whose names stay in sight and keep both ends", async () => {
    const page = await panelOf("labels-54");
    const matrix = page.getByRole("table", { name: /^Confusion matrix/ });
    await matrix.waitFor();
    assert.equal(await matrix.locator("td").count(), 54 ** 2);
    const frame = page.getByRole("region", { name: "Confusion matrix" });
    await frame.evaluate((element) => element.scrollTo(900, 700));
    const sticky = await frame.evaluate((element) => {
      const { left, top, right } = element.getBoundingClientRect();
      const selectors = ["thead th.corner", "thead th:nth-child(20)", "tbody tr:nth-child(40) th"];
      // No function with a name: tsx keeps names by a helper that the page does not have.
      const places = selectors.map((selector) => {
        const box = element.querySelector(selector)!.getBoundingClientRect();
        return { x: box.left - left, y: box.top - top };
      });
      const { clientWidth, scrollWidth } = element.ownerDocument.documentElement;
      return {
        scrolled: [element.scrollLeft, element.scrollTop],
        places,
        page: { frameEnd: right, clientWidth, scrollWidth },
      };
    });
    assert.deepEqual(sticky.scrolled, [900, 700]);
    const { frameEnd, clientWidth, scrollWidth } = sticky.page;
    const isInside = frameEnd <= clientWidth && scrollWidth <= clientWidth;
    assert.ok(isInside, `the page scrolls sideways: ${JSON.stringify(sticky.page)}`);
    const isAtEdge = (distance: number): boolean => distance >= 0 && distance < 5;
    const atEdges = sticky.places.map(({ x, y }) => [isAtEdge(x), isAtEdge(y)]);
    const [corner, column, row] = atEdges;
    assert.deepEqual(
      [corner, column?.[1], row?.[0]],
      [[true, true], true, true],
      JSON.stringify(sticky.places),
    );
    const widest = await matrix
      .locator("th")
      .evaluateAll((heads) => Math.max(...heads.map((head) => head.getBoundingClientRect().width)));
    assert.ok(widest < 280, `a name takes ${widest} pixels`);
    const first = matrix.locator("tbody th").first();
    assert.match((await first.getAttribute("title"))!, /^Kitchen appliances.* \(0\)$/);
    const [start, end] = await first.locator("span span").allInnerTexts();
    assert.match(start!, /^Kitchen/);
    assert.equal(end, "d up (0)");
    assert.equal(await matrix.locator("b").count(), 0, "a name is no markup");
    const confused = page.getByRole("table", { name: "Most often confused" });
    assert.match(
      await confused.locator("tbody tr").first().innerText(),
      /^topic 53.*53\s+4\.79 %$/s,
    );
  });

  test("beyond a hundred are told without a matrix, by what is confused most", async () => {
    const page = await panelOf("labels-120");
    const scores = page.getByRole("table", { name: "Scores of each label" });
    await scores.waitFor();
    assert.equal(await scores.locator("tbody tr").count(), 120);
    assert.equal(await page.getByRole("table", { name: /^Confusion matrix/ }).count(), 0);
    const confused = page.getByRole("table", { name: "Most often confused" });
    assert.equal(await confused.locator("tbody tr").count(), 20);
  });
});
