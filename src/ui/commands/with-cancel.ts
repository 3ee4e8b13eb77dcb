import * as vscode from "vscode";
import { plainText } from "../../util/plain-text.ts";

/** Runs cancellable work under a progress notification; Cancel aborts the signal. */
export async function withCancel<T>(
  title: string,
  work: (signal: AbortSignal, report: (message: string) => void) => Promise<T>,
): Promise<T> {
  const location = vscode.ProgressLocation.Notification;
  const options = { location, title: plainText(title), cancellable: true };
  return vscode.window.withProgress(options, async (progress, token) => {
    const abort = new AbortController();
    const subscription = token.onCancellationRequested(() => abort.abort());
    try {
      return await work(abort.signal, (message) =>
        progress.report({ message: plainText(message) }),
      );
    } finally {
      subscription.dispose();
    }
  });
}
