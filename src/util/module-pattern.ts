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
