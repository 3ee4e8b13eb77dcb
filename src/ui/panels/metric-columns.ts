import type { MetricColumns } from "../../protocol/panel-messages.ts";
import type { Metric } from "../../protocol/run-folder.ts";

/** Rows to columns: half the size of a message, and what the page stores anyway. */
export function toColumns(metrics: readonly Metric[]): MetricColumns {
  const column = (name: keyof Metric) => metrics.map((metric) => metric[name] ?? null);
  return {
    step: column("step"),
    epoch: column("epoch"),
    loss: column("loss"),
    evalLoss: column("evalLoss"),
    evalAccuracy: column("evalAccuracy"),
    evalMacroF1: column("evalMacroF1"),
    learningRate: column("learningRate"),
    gradNorm: column("gradNorm"),
    tokens: column("tokens"),
    tokensPerSecond: column("tokensPerSecond"),
    elapsedMs: column("elapsedMs"),
    rssBytes: column("rssBytes"),
  };
}
