/** What every subcommand is made of, and the one way in which wrong arguments are answered. */
import { type ParseArgsConfig, parseArgs } from "node:util";
import { InputError, errorMessage } from "../util/errors.ts";
import { parseDecimal } from "../util/parse-decimal.ts";

export interface Command {
  /** e.g. "train RECIPE [--run-dir DIR] [--json]" */
  usage: string;
  /** One line. */
  summary: string;
  /** Options, one a line, aligned. */
  help: string;
  /** @returns the exit code */
  run: (args: readonly string[]) => Promise<number>;
}

type Options = NonNullable<ParseArgsConfig["options"]>;

/**
 * @param positionals their names; `takesMore` says that any number may follow
 * @throws InputError for an unknown option or a wrong number of positional arguments
 */
export function parseArguments<const T extends Options>(
  args: readonly string[],
  {
    options,
    positionals,
    takesMore = false,
  }: { options: T; positionals: readonly string[]; takesMore?: boolean },
) {
  const parsed = parse(args, options);
  if (parsed.positionals.length < positionals.length) {
    throw new InputError(`${positionals[parsed.positionals.length]} is missing`);
  }
  const extra = parsed.positionals[positionals.length];
  if (extra !== undefined && !takesMore) throw new InputError(`unexpected argument "${extra}"`);
  return parsed;
}

/** parseArgs takes a value that begins with "-" for an option; a number is none. */
function withNegativeNumbers(args: readonly string[], options: Options): string[] {
  const joined: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const [name = "", value = ""] = args.slice(at, at + 2);
    if (name === "--") return [...joined, ...args.slice(at)];
    const takesValue = name.startsWith("--") && options[name.slice(2)]?.type === "string";
    const isNegative = /^-(?:\d|\.\d)/u.test(value);
    joined.push(takesValue && isNegative ? `${name}=${value}` : name);
    if (takesValue && isNegative) at++;
  }
  return joined;
}

function parse<const T extends Options>(args: readonly string[], options: T) {
  try {
    return parseArgs({
      args: withNegativeNumbers(args, options),
      options,
      allowPositionals: true,
      strict: true,
    });
  } catch (error) {
    throw new InputError(errorMessage(error), { cause: error });
  }
}

/** @throws InputError naming the option when it is not a number within the limits */
export function numberOption(
  name: string,
  text: string | undefined,
  { min, integer = false }: { min: number; integer?: boolean },
): number | undefined {
  if (text === undefined) return undefined;
  const value = parseDecimal(text);
  const isFine = value !== undefined && value >= min && (!integer || Number.isInteger(value));
  if (isFine) return value;
  throw new InputError(
    `--${name} must be ${integer ? "a whole number" : "a number"} of at least ${min}, found "${text}"`,
  );
}
