import type { MetricColumns } from "../../protocol/panel-messages.ts";
import type { Metric } from "../../protocol/run-folder.ts";

/** Rows to columns: half the size of a message, and what the page stores anyway. */
export function toColumns(metrics: readonly Metric[]): MetricColumns {
  const names = new Set(metrics.flatMap((metric) => Object.keys(metric)));
  const column = (name: string) => metrics.map((metric) => metric[name] ?? null);
  const columns = Object.fromEntries([...names].map((name) => [name, column(name)]));
  return { ...columns, step: column("step") };
}
