/** What state.json says of a run that failed. */
import { InputError, errorMessage, isDiskFull } from "../util/errors.ts";
import { messageLine } from "../util/terminal-text.ts";

/** One line, with the way out where the cause is known. */
export function describeFailure(error: unknown): string {
  if (isDiskFull(error) && !(error instanceof InputError)) {
    return `no space left on the disk (${errorMessage(error)}); free some, then resume`;
  }
  return messageLine(errorMessage(error));
}
