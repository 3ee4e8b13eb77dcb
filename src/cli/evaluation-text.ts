/** Several models on several data files, as tables. */
import type { EvaluationResult } from "../protocol/evaluation.ts";
import { textTable } from "./text-table.ts";

type Figure = "loss" | "perplexity" | "accuracy" | "macroF1" | "exactMatch" | "rows" | "tokens";

const COLUMNS: readonly { key: Figure; title: string; digits: number }[] = [
  { key: "loss", title: "loss", digits: 4 },
  { key: "perplexity", title: "perplexity", digits: 3 },
  { key: "accuracy", title: "accuracy", digits: 4 },
  { key: "macroF1", title: "macro-F1", digits: 4 },
  { key: "exactMatch", title: "exact match", digits: 4 },
  { key: "rows", title: "rows", digits: 0 },
  { key: "tokens", title: "tokens", digits: 0 },
];

/** By data file, so that what is compared stands below one another; figures that none has are left out. */
export function evaluationText(results: readonly EvaluationResult[]): string {
  const columns = COLUMNS.filter(({ key }) => results.some((result) => result[key] !== undefined));
  const names = [...new Set(results.map(({ data }) => data))];
  const tables = names.map((name) => {
    const rows = results.filter(({ data }) => data === name);
    const cells = rows.map((row) => [
      row.model,
      ...columns.map(({ key, digits }) => row[key]?.toFixed(digits) ?? ""),
    ]);
    return textTable([[name, ...columns.map(({ title }) => title)], ...cells]);
  });
  return tables.join("\n\n");
}
