/** Whoever reads what a process writes may go before it does. */
import { hasCode } from "./errors.ts";

/**
 * `retune inspect … | head` ends quietly: nobody reads on, which is no failure. A run goes on, as it does
 * when its terminal is closed.
 * @param onOther is told why standard output can't be written otherwise: a full disk
 */
export function outliveReaders(onOther: (error: Error) => void): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error) => {
      if (hasCode(error, "EPIPE") || hasCode(error, "EIO")) return;
      process.exitCode = 1;
      if (stream === process.stdout) onOther(error);
    });
  }
}
