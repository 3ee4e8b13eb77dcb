/** A model between a base and what it was tuned to: by weights, or with a share of an adapter's change. */
import { resolveBase } from "../bases/load-base.ts";
import { mergeAdapters } from "../merge/adapters/merge-adapters.ts";
import { mergeModels } from "../merge/models/weighted-sum.ts";
import type { Mix } from "./run-interpolation.ts";

export interface MixEnds {
  base: string;
  tuned?: string | undefined;
  adapter?: string | undefined;
}

/** @throws InputError for an end that can't be loaded */
export async function mixOf(
  { base, tuned, adapter }: MixEnds,
  log: (line: string) => void,
): Promise<Mix> {
  const baseDir = await resolveBase(base, log);
  if (adapter !== undefined) {
    return (alpha, outDir, signal) =>
      mergeAdapters({
        baseDir,
        adapterDirs: [adapter],
        weights: [alpha],
        outDir,
        ...(signal ? { signal } : {}),
      });
  }
  const other = await resolveBase(tuned ?? "", log);
  return (alpha, outDir, signal) =>
    mergeModels({
      models: [
        { dir: baseDir, weight: 1 - alpha },
        { dir: other, weight: alpha },
      ],
      outDir,
      ...(signal ? { signal } : {}),
    });
}
