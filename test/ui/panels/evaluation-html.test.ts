import assert from "node:assert/strict";
import test from "node:test";
import type { EvaluationResult } from "../../../src/protocol/evaluation.ts";
import { evaluationHtml } from "../../../src/ui/panels/evaluation-html.ts";

const result = (model: string, data: string, loss: number, accuracy: number): EvaluationResult => ({
  model,
  data,
  loss,
  accuracy,
  rows: 8,
  base: `/models/${model}`,
  file: `/data/${data}.jsonl`,
});
const page = (results: EvaluationResult[]): string =>
  evaluationHtml({
    results,
    title: "base on <mails>",
    made: "today",
    state: { file: "/w/</script>.json" },
    nonce: "abc",
    short: (file) => file.replace("/data/", ""),
    links: [{ label: "Export", href: "command:x?[1]" }],
  });

test("a table for each data file, with the figures that there are", () => {
  const html = page([
    result("base", "mails", 0.5, 0.75),
    result("tuned", "mails", 0.25, 0.875),
    result("base", "other", 0.25, 0.5),
    result("tuned", "other", 0.5, 0.5),
  ]);
  assert.deepEqual(
    [...html.matchAll(/<h2>(.*?)<\/h2>/g)].map(([, name]) => name),
    ["mails", "other"],
  );
  const heads = [...html.matchAll(/<th[^>]*>(.*?)<\/th>/g)].map(([, title]) => title);
  assert.deepEqual(heads, [...heads.slice(0, 4), ...heads.slice(0, 4)]);
  assert.deepEqual(heads.slice(0, 4), ["Model", "Loss", "Accuracy", "Rows"]);
  const best = [...html.matchAll(/class="best">(.*?)</g)].map(([, shown]) => shown);
  // Equal accuracies are no one's best.
  assert.deepEqual(best, ["0.2500", "87.5 %", "0.2500"]);
});

test("figures that look alike share the star", () => {
  const html = page([
    result("a", "mails", 0.25, 0.5),
    result("b", "mails", 0.25004, 0.5),
    result("c", "mails", 0.5, 0.5),
  ]);
  const best = [...html.matchAll(/class="best">(.*?)</g)].map(([, shown]) => shown);
  assert.deepEqual(best, ["0.2500", "0.2500"]);
});

test("paths are shown as the caller has them", () => {
  assert.match(page([result("a", "mails", 1, 0)]), /class="place">mails\.jsonl</);
});

test("names become no markup, and no script runs but the page's own", () => {
  const html = page([result("<img src=x>", `"><script>`, 1, 0)]);
  assert.ok(!/<img|<mails/.test(html));
  assert.deepEqual(html.match(/<\/?script[^>]*>/g), ['<script nonce="abc">', "</script>"]);
  assert.match(html, /setState\(\{"file":"\/w\/\\u003c\/script>\.json"\}\)/);
  assert.match(html, /default-src 'none'; style-src 'nonce-abc'; script-src 'nonce-abc'/);
  assert.match(html, /href="command:x\?\[1\]"/);
});
