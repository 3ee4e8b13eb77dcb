/**
 * The page of an evaluation: a table for each data file, the best figure of each column in bold. Its one
 * script tells VS Code which file it shows, so that the tab comes back after a reload.
 */
import type { EvaluationResult } from "../../protocol/evaluation.ts";
import { escapeHtml } from "./escape-html.ts";

type Figure = "loss" | "perplexity" | "accuracy" | "macroF1" | "exactMatch" | "rows" | "tokens";

interface Column {
  key: Figure;
  title: string;
  explains: string;
  best?: "lowest" | "highest";
  show: (value: number) => string;
}

const percent = (value: number): string => `${(100 * value).toFixed(1)} %`;
const whole = (value: number): string => value.toLocaleString("en");

const COLUMNS: readonly Column[] = [
  {
    key: "loss",
    title: "Loss",
    explains: "Mean per counted token or labelled row: cross-entropy in nats, or squared error",
    best: "lowest",
    show: (value) => value.toPrecision(4),
  },
  {
    key: "perplexity",
    title: "Perplexity",
    explains: "e to the power of the loss",
    best: "lowest",
    show: (value) => value.toPrecision(4),
  },
  {
    key: "accuracy",
    title: "Accuracy",
    explains: "Share of counted tokens, or of labelled rows, that are right",
    best: "highest",
    show: percent,
  },
  {
    key: "macroF1",
    title: "Macro-F1",
    explains: "Mean of the labels' F1, each counted alike",
    best: "highest",
    show: percent,
  },
  {
    key: "exactMatch",
    title: "Exact match",
    explains: "Share of rows that greedy decoding would answer word for word",
    best: "highest",
    show: percent,
  },
  { key: "rows", title: "Rows", explains: "Rows that count", show: whole },
  { key: "tokens", title: "Tokens", explains: "Tokens that count", show: whole },
];

const STYLE = `
  body { font-family: var(--vscode-font-family); font-size: var(--vscode-font-size); color: var(--vscode-foreground); padding: 0 1.5em 2em; }
  h1 { font-size: 1.4em; font-weight: 600; }
  h2 { font-size: 1.1em; font-weight: 600; margin: 1.8em 0 0; }
  table { border-collapse: collapse; }
  th, td { padding: 0.35em 1em 0.35em 0; text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
  th:first-child, td:first-child { text-align: left; padding-right: 2em; max-width: 24em; overflow: hidden; text-overflow: ellipsis; }
  th { font-weight: 600; border-bottom: 1px solid var(--vscode-editorWidget-border, var(--vscode-foreground)); }
  .best { font-weight: 700; }
  /* The star has a place of its own in every cell, heads too: figures stay under their heads. */
  td::after, th::after { content: ""; display: inline-block; width: 1.4em; text-align: center; }
  td.best::after { content: "★"; color: var(--vscode-charts-green); }
  tr > :first-child::after { content: none; }
  .place { color: var(--vscode-descriptionForeground); font-size: 0.9em; }
  a { color: var(--vscode-textLink-foreground); margin-right: 1.2em; }
`;

export interface EvaluationPage {
  results: readonly EvaluationResult[];
  title: string;
  /** When it was made, in words. */
  made: string;
  /** What the page's script stores as its state. */
  state: unknown;
  /** Names the style and the script, which the page's policy lets through. */
  nonce: string;
  /** How a path is shown. */
  short: (path: string) => string;
  links: readonly { label: string; href: string }[];
}

export function evaluationHtml(page: EvaluationPage): string {
  const { results, nonce, links, short } = page;
  const columns = COLUMNS.filter(({ key }) => results.some((result) => result[key] !== undefined));
  const names = [...new Set(results.map(({ data }) => data))];
  const sections = names.map((name) => {
    const rows = results.filter(({ data }) => data === name);
    return `<h2>${escapeHtml(name)}</h2>\n<div class="place">${escapeHtml(short(rows[0]?.file ?? ""))}</div>\n${tableOf(rows, columns, short)}`;
  });
  const anchors = links.map(
    ({ label, href }) => `<a href="${escapeHtml(href)}">${escapeHtml(label)}</a>`,
  );
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="UTF-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'">
<title>Evaluation</title>
<style nonce="${nonce}">${STYLE}</style>
</head>
<body>
<h1>${escapeHtml(page.title)}</h1>
<p class="place">${escapeHtml(page.made)}</p>
<p>${anchors.join("\n")}</p>
${sections.join("\n")}
<script nonce="${nonce}">acquireVsCodeApi().setState(${scriptLiteral(page.state)});</script>
</body>
</html>
`;
}

/** JSON inside a script element: no text of it may end the element. */
function scriptLiteral(value: unknown): string {
  return JSON.stringify(value).replaceAll("<", "\\u003c");
}

function tableOf(
  rows: readonly EvaluationResult[],
  columns: readonly Column[],
  short: (path: string) => string,
): string {
  const heads = columns.map(
    ({ title, explains }) => `<th title="${escapeHtml(explains)}">${title}</th>`,
  );
  const lines = rows.map((row) => {
    const place = row.adapter ?? row.base;
    const cells = columns.map((column) => {
      const value = row[column.key];
      const mark = value !== undefined && isBest(value, column, rows) ? ' class="best"' : "";
      return `<td${mark}>${value === undefined ? "" : column.show(value)}</td>`;
    });
    return `<tr><td title="${escapeHtml(short(place))}">${escapeHtml(row.model)}</td>${cells.join("")}</tr>`;
  });
  return `<table>\n<tr><th>Model</th>${heads.join("")}</tr>\n${lines.join("\n")}\n</table>`;
}

/**
 * Among two or more; those that look as good share it, unless all do: a difference behind the digits
 * that are shown is no reason for a star.
 */
function isBest(
  value: number,
  { key, best, show }: Column,
  rows: readonly EvaluationResult[],
): boolean {
  const values = rows.flatMap((row) => row[key] ?? []);
  if (best === undefined || new Set(values.map(show)).size < 2) return false;
  const leader = values.reduce((a, b) => ((best === "lowest" ? b < a : b > a) ? b : a));
  return show(value) === show(leader);
}
