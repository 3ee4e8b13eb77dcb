/**
 * The user gave something that can't be used: a file, a recipe, a model. The message is one line
 * that names the file, the place (line, key or tensor), what was found, what was expected and the
 * way out. The command line prints it and exits with 2; a run fails with it as its message.
 */
export class InputError extends Error {
  override readonly name = "InputError";
}

/** A broken promise inside Retune: a bug, never the user's fault. */
export class InternalError extends Error {
  override readonly name = "InternalError";
  constructor(message: string, options?: ErrorOptions) {
    super(`internal: ${message}`, options);
  }
}

export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** True for a file-system error with this code, e.g. `hasCode(error, "ENOENT")`. */
export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

/** True when the disk, or this user's share of it, is full, however often the error was wrapped. */
export function isDiskFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return hasCode(error, "ENOSPC") || hasCode(error, "EDQUOT") || isDiskFull(error.cause);
}
