import assert from "node:assert/strict";
import test from "node:test";
import { panelHtml } from "../../../src/ui/panels/panel-html.ts";

const html = panelHtml({
  shows: { attribute: "run-dir", value: `/runs/"><script>alert(1)</script>` },
  title: "<b>bold</b> & more",
  cspSource: "https://webview.example",
  scriptUri: "https://webview.example/run-panel.js",
  styleUri: "https://webview.example/run-panel.css",
  nonce: "abc123",
});

test("nothing is allowed but our style sheet and the script with the nonce", () => {
  const policy = /Content-Security-Policy" content="([^"]*)"/.exec(html)?.[1];
  assert.equal(
    policy,
    "default-src 'none'; style-src https://webview.example; script-src 'nonce-abc123'",
  );
});

test("there is one script, and it has the nonce", () => {
  assert.deepEqual(html.match(/<script[^>]*>/g), [
    `<script nonce="abc123" src="https://webview.example/run-panel.js">`,
  ]);
});

test("names and paths can't become markup", () => {
  assert.ok(!html.includes("<b>"));
  assert.ok(html.includes("&lt;b&gt;bold&lt;/b&gt; &amp; more"));
  assert.ok(html.includes(`data-run-dir="/runs/&quot;&gt;&lt;script&gt;`));
});
