import assert from "node:assert/strict";
import { test } from "node:test";
import { interpolationCsv, interpolationJson } from "../../../src/runs/interpolations/export.ts";

const DEFINITION = {
  version: 1,
  name: "s",
  base: "/a",
  tuned: "/b",
  alphas: [0, 1],
  data: [
    { name: 'the "odd", one', file: "/odd.jsonl", role: "validation" },
    { name: "plain", file: "/plain.jsonl", role: "shifted" },
  ],
  createdAt: "2026-11-24T10:00:00Z",
} satisfies Parameters<typeof interpolationCsv>[0];

const POINTS = [
  {
    alpha: 0,
    results: { 'the "odd", one': { loss: 1.5, rows: 4 }, plain: { loss: 2, accuracy: 0.25 } },
  },
  { alpha: 1, results: { 'the "odd", one': { loss: 1, rows: 4 }, plain: { loss: 3 } } },
];

test("CSV has a row for each alpha and data set, and nothing where a figure is not", () => {
  assert.equal(
    interpolationCsv(DEFINITION, POINTS),
    [
      "alpha,data,role,loss,rows,accuracy",
      '0,"the ""odd"", one",validation,1.5,4,',
      "0,plain,shifted,2,,0.25",
      '1,"the ""odd"", one",validation,1,4,',
      "1,plain,shifted,3,,",
      "",
    ].join("\r\n"),
  );
});

test("JSON holds the definition, the points and what they say", () => {
  const read = JSON.parse(interpolationJson(DEFINITION, POINTS)) as {
    base: string;
    points: unknown;
    summary: { recommended: { alpha: number } };
  };
  assert.equal(read.base, "/a");
  assert.deepEqual(read.points, POINTS);
  assert.equal(read.summary.recommended.alpha, 1);
});
