import * as vscode from "vscode";
import { InputError } from "../util/errors.ts";

/** What a command that starts something says in a workspace that the user does not trust. */
export class UntrustedError extends InputError {}

/**
 * In a workspace that the user does not trust, runs can be looked at but nothing is started.
 * @throws UntrustedError
 */
export function requireTrust(): void {
  if (vscode.workspace.isTrusted) return;
  throw new UntrustedError(
    "This workspace is not trusted: Retune starts no process in it before you trust it.",
  );
}
