/** Which linear layers a method attaches to, as PEFT names them. */
import * as z from "zod";
import { targetMatcher } from "../../util/module-pattern.ts";
import { blockOf } from "../../util/tensor-patterns.ts";
import { type Contradiction, contradictionOf } from "../contradiction.ts";
import type { ChoosableLayers } from "../method.ts";

export const TARGETS_ALL_LINEAR = "all-linear";

export const targetsSchema = z.union([z.array(z.string().min(1)).min(1), z.string().min(1)]);

export function targetsText(targets: string | readonly string[]): string {
  return typeof targets === "string" ? targets : targets.join(", ");
}

/** As PEFT matches target modules: the end of a path, or an expression over all of it. */
export function targetLayers(targets: readonly string[] | string): ChoosableLayers {
  const fits =
    targets === TARGETS_ALL_LINEAR
      ? (path: string) => blockOf(path) !== undefined
      : targetMatcher(targets);
  return {
    kind: "sites",
    key: "targets",
    has: ({ name, shape }) => shape.length === 2 && fits(name.replace(/\.weight$/u, "")),
  };
}

/** A text is an expression over whole module paths. */
export function targetsContradiction(targets: readonly string[] | string): Contradiction[] {
  if (targets === TARGETS_ALL_LINEAR) return [];
  return contradictionOf(["method", "targets"], () => targetMatcher(targets));
}
