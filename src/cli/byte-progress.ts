/** How far a file is written: redrawn in place on a terminal, now and then a line elsewhere. */
import { formatBytes, formatDuration } from "../util/format.ts";
import { messageLine, terminalText } from "../util/terminal-text.ts";

const DRAW_INTERVAL_MS = 100;
const LOG_INTERVAL_MS = 2_000;

export class ByteProgress {
  readonly #label: string;
  readonly #stream: NodeJS.WriteStream;
  readonly #now: () => number;
  readonly #startedAt: number;
  #drawnAt: number;
  #isOpen = false;

  constructor(
    label: string,
    stream: NodeJS.WriteStream = process.stderr,
    now: () => number = () => performance.now(),
  ) {
    this.#label = label;
    this.#stream = stream;
    this.#now = now;
    this.#startedAt = now();
    this.#drawnAt = this.#startedAt;
  }

  /** @param done and total in bytes */
  update(done: number, total: number): void {
    const now = this.#now();
    const isTerminal = this.#stream.isTTY;
    if (now - this.#drawnAt < (isTerminal ? DRAW_INTERVAL_MS : LOG_INTERVAL_MS)) return;
    this.#drawnAt = now;
    const perByteMs = (now - this.#startedAt) / Math.max(done, 1);
    const left = done < total ? `, ${formatDuration(perByteMs * (total - done))} left` : "";
    const line = `${terminalText(this.#label)}: ${formatBytes(done)} of ${formatBytes(total)}${left}`;
    this.#stream.write(
      isTerminal ? `\r\u001B[2K${line.slice(0, this.#stream.columns - 1)}` : `${line}\n`,
    );
    this.#isOpen = isTerminal;
  }

  /** A whole line that stays. */
  note(line: string): void {
    this.end();
    this.#stream.write(`${messageLine(line)}\n`);
  }

  /** Leaves the terminal's line empty. */
  end(): void {
    if (this.#isOpen) this.#stream.write("\r\u001B[2K");
    this.#isOpen = false;
  }
}
