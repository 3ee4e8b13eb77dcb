/** log.txt, as its one writer has it. */
import { appendFile } from "node:fs/promises";
import { errorMessage } from "../util/errors.ts";
import { messageLine } from "../util/terminal-text.ts";
import { endTornLine } from "../util/torn-line.ts";

/** Never fails: a log that can't be written (a full disk, a lock of Windows) is no reason to stop working. */
export class LogWriter {
  readonly #file: string;
  #logging: Promise<void>;
  #problem = "";

  /** @param file of a folder that was taken over */
  constructor(file: string) {
    this.#file = file;
    this.#logging = endTornLine(file).catch(() => undefined);
  }

  /** Lines arrive in the order of the calls, awaited or not. */
  log(line: string): Promise<void> {
    const text = `${new Date().toISOString()} ${line}\n`;
    this.#logging = this.#logging
      .then(() => appendFile(this.#file, text))
      .catch((error: unknown) => this.#tell(errorMessage(error)));
    return this.#logging;
  }

  /** Once, not for each line. */
  #tell(problem: string): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    process.stderr.write(`${messageLine(`${this.#file}: ${problem}`)}\n`);
  }
}
