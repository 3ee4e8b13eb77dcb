/** Which linear layers a method attaches to, as PEFT names them. */
import * as z from "zod";
import { targetMatcher } from "../../util/module-pattern.ts";
import { type Contradiction, contradictionOf } from "../contradiction.ts";
import type { ChoosableLayers } from "../method.ts";
import type { Role } from "../tensor-facts.ts";

export const TARGETS_ALL_LINEAR = "all-linear";

export const targetsSchema = z.union([z.array(z.string().min(1)).min(1), z.string().min(1)]);

export function targetsText(targets: string | readonly string[]): string {
  return typeof targets === "string" ? targets : targets.join(", ");
}

/**
 * The modules that `targets` names, as PEFT chooses them: a list matches a path's ending at a dot, a string is a
 * regular expression over whole paths, "all-linear" is every linear layer but the head.
 * @throws InputError when the expression is broken
 */
export function targetPredicate(
  targets: readonly string[] | string,
): (module: { path: string; role: Role }) => boolean {
  if (targets === TARGETS_ALL_LINEAR) return ({ role }) => role === "linear";
  const matches = targetMatcher(targets);
  return ({ path }) => matches(path);
}

export function targetLayers(targets: readonly string[] | string): ChoosableLayers {
  const fits = targetPredicate(targets);
  return {
    kind: "sites",
    key: "targets",
    has: ({ name, shape, facts: { role } }) =>
      shape.length === 2 && fits({ path: name.replace(/\.weight$/u, ""), role }),
  };
}

/** A text is an expression over whole module paths. */
export function targetsContradiction(targets: readonly string[] | string): Contradiction[] {
  if (targets === TARGETS_ALL_LINEAR) return [];
  return contradictionOf(["method", "targets"], () => targetMatcher(targets));
}
