/** Which modules a recipe's `method.targets` names, for the trainer and the editor alike. */
import { LORA_TARGETS_ALL_LINEAR } from "../protocol/recipe.ts";
import { targetMatcher } from "../util/module-pattern.ts";
import type { Role } from "./family.ts";

/**
 * As PEFT chooses them: a list matches a path's ending at a dot, a string is a regular expression over whole
 * paths, "all-linear" is every linear layer but the head.
 * @throws InputError when the expression is broken
 */
export function targetPredicate(
  targets: readonly string[] | string,
): (module: { path: string; role: Role }) => boolean {
  if (targets === LORA_TARGETS_ALL_LINEAR) return ({ role }) => role === "linear";
  const matches = targetMatcher(targets);
  return ({ path }) => matches(path);
}
