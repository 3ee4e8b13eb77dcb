import { InputError } from "./errors.ts";

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
  for (const [pattern, value] of Object.entries(patterns ?? {})) {
    let regex: RegExp;
    try {
      regex = new RegExp(`^(.*\\.)?(${pattern})$`);
    } catch (error) {
      throw new InputError(
        `${where}: the pattern ${JSON.stringify(pattern)} is not a regular expression`,
        { cause: error },
      );
    }
    if (regex.test(modulePath)) return value;
  }
  return undefined;
}
