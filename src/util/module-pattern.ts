import { pythonPattern } from "./python-pattern.ts";

/**
 * The first pattern that matches a module's whole path, or its end from a dot on, as PEFT's
 * get_pattern_key does for rank_pattern and alpha_pattern.
 * @param where what holds the patterns, for messages
 * @throws InputError when a pattern is no regular expression
 */
export function patternValue(
  patterns: Readonly<Record<string, number>> | null | undefined,
  modulePath: string,
  where: string,
): number | undefined {
  const found = Object.entries(patterns ?? {}).find(([pattern]) => {
    // Alone first: what is wrong is said of the text that stands in the file.
    pythonPattern(pattern, where);
    return pythonPattern(`(?:.*\\.)?(?:${pattern})`, where).matches(modulePath);
  });
  return found?.[1];
}

/** Whether a module's path is this name, or ends with it from a dot on. */
export function endsAtDot(modulePath: string, name: string): boolean {
  return modulePath === name || modulePath.endsWith(`.${name}`);
}

/**
 * Whether a module is among a recipe's method.targets, as PEFT matches them: a list by the ends of paths, a
 * text as an expression over whole paths. "all-linear" is for the caller to know.
 * @throws InputError when the text is no regular expression
 */
export function targetMatcher(
  targets: readonly string[] | string,
): (modulePath: string) => boolean {
  if (typeof targets !== "string") {
    return (modulePath) => targets.some((target) => endsAtDot(modulePath, target));
  }
  const pattern = pythonPattern(
    targets,
    'method.targets is neither "all-linear" nor a list of names',
  );
  return (modulePath) => pattern.matches(modulePath);
}
