/** What the answers of Merge Models… come to: arguments of `retune merge`, and a name for the result. */
import path from "node:path";
import { parseDecimal } from "../../util/parse-decimal.ts";

const MAX_NAME_CHARS = 80;

export function optionFor(name: string, value: string): string {
  return ["weight", "density", "t"].includes(name)
    ? `--${name}=${value}`
    : `--set=${name}=${value}`;
}

/** "tiny-tone-topics-ties": of a run's model the run's name. */
export function resultName(models: readonly { label: string }[], method: string): string {
  const names = models.map(({ label }) => path.basename(label.replace(/\/model$/u, "")));
  return `${names.join("-").slice(0, MAX_NAME_CHARS)}-${method}`;
}

export function numbersIn(text: string): string[] {
  return text.trim().split(/\s+/u);
}

/** What is wrong with a text that is to be so many numbers. */
export function numbersProblem(typed: string, count: number): string | undefined {
  const numbers = numbersIn(typed);
  const isFine =
    typed.trim() !== "" &&
    numbers.length === count &&
    numbers.every((each) => parseDecimal(each) !== undefined);
  const expected = count === 1 ? "One number" : `${count} numbers`;
  return isFine ? undefined : `${expected}, please; found "${typed}".`;
}
