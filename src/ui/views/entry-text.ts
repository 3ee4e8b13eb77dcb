/** The words that describe a base model and an adapter, the same in the trees and the pickers. */
import path from "node:path";
import type { AdapterSummary } from "../../cards/model-summary.ts";
import { formatBytes, formatCount, formatWhen } from "../../util/format.ts";
import type { AdapterEntry } from "../catalogs/adapter-catalog.ts";
import type { ModelEntry } from "../catalogs/model-catalog.ts";

/** "llama · 135M · F32 · 538 MB" */
export function describeModel({ path: place, summary, problem }: ModelEntry): string {
  // The row itself says which model it is.
  if (summary === undefined) return problem?.replaceAll(place + path.sep, "") ?? "";
  return [
    summary.modelType,
    formatCount(summary.parameters),
    summary.dtype,
    formatBytes(summary.bytes),
  ].join(" · ");
}

/** Below its base: "0.7824 · LoRA r=8 · 14:02" */
export function adapterRowText(adapter: AdapterEntry, now = Date.now()): string {
  const { summary, figure, madeAt } = adapter;
  if (summary === undefined) return describeAdapter(adapter, now);
  return [figure, methodText(summary), formatWhen(madeAt, now)].filter(Boolean).join(" · ");
}

function methodText({ method, rank }: AdapterSummary): string {
  return rank === undefined ? method : `${method} r=${rank}`;
}

/** In a picker: "0.7824 · LoRA r=8 · SmolLM2-135M · 2.44M · 14:02" */
export function describeAdapter(adapter: AdapterEntry, now = Date.now()): string {
  const { path: place, summary, problem, base, figure, madeAt } = adapter;
  if (summary === undefined) return problem?.replaceAll(place + path.sep, "") ?? "";
  return [
    figure,
    methodText(summary),
    base === undefined ? undefined : path.basename(base),
    formatCount(summary.parameters),
    formatWhen(madeAt, now),
  ]
    .filter(Boolean)
    .join(" · ");
}
