/** The page of an evaluation: a table for each data file, the best figure of each column in bold. No script. */
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
  h2 { font-size: 1.1em; font-weight: 600; margin: 1.8em 0 0.4em; }
  table { border-collapse: collapse; }
  th, td { padding: 0.35em 1em 0.35em 0; text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
  th:first-child, td:first-child { text-align: left; padding-right: 2em; }
  th { font-weight: 600; border-bottom: 1px solid var(--vscode-editorWidget-border, var(--vscode-foreground)); }
  .best { font-weight: 700; }
  .best::after { content: " ★"; color: var(--vscode-charts-green); }
  td:not(.best)::after { content: " ★"; visibility: hidden; }
  td:first-child::after { content: none; }
  .place { color: var(--vscode-descriptionForeground); font-size: 0.9em; }
  a { color: var(--vscode-textLink-foreground); margin-right: 1.2em; }
`;

export interface EvaluationPage {
  results: readonly EvaluationResult[];
  /** Of the style, which the page's policy lets through. */
  nonce: string;
  links: readonly { label: string; href: string }[];
}

export function evaluationHtml({ results, nonce, links }: EvaluationPage): string {
  const columns = COLUMNS.filter(({ key }) => results.some((result) => result[key] !== undefined));
  const names = [...new Set(results.map(({ data }) => data))];
  const sections = names.map((name) => {
    const rows = results.filter(({ data }) => data === name);
    return `<h2>${escapeHtml(name)}</h2>\n${tableOf(rows, columns)}\n<div class="place">${escapeHtml(rows[0]?.file ?? "")}</div>`;
  });
  const anchors = links.map(
    ({ label, href }) => `<a href="${escapeHtml(href)}">${escapeHtml(label)}</a>`,
  );
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="UTF-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'nonce-${nonce}'">
<title>Evaluation</title>
<style nonce="${nonce}">${STYLE}</style>
</head>
<body>
<h1>Evaluation</h1>
<p>${anchors.join("\n")}</p>
${sections.join("\n")}
</body>
</html>
`;
}

function tableOf(rows: readonly EvaluationResult[], columns: readonly Column[]): string {
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
    return `<tr><td title="${escapeHtml(place)}">${escapeHtml(row.model)}</td>${cells.join("")}</tr>`;
  });
  return `<table>\n<tr><th>Model</th>${heads.join("")}</tr>\n${lines.join("\n")}\n</table>`;
}

/** Among two or more; those that are as good share it, unless all are. */
function isBest(value: number, { key, best }: Column, rows: readonly EvaluationResult[]): boolean {
  const values = rows.flatMap((row) => row[key] ?? []);
  if (best === undefined || new Set(values).size < 2) return false;
  return value === (best === "lowest" ? Math.min(...values) : Math.max(...values));
}
