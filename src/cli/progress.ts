/** A run's progress on a terminal: one line redrawn in place, or now and then a line in a log. */
import type { Metric, RunState } from "../protocol/run-folder.ts";
import { formatDuration, formatLoss } from "../util/format.ts";
import { messageLine } from "../util/terminal-text.ts";

const BAR_CELLS = 24;
const LOG_INTERVAL_MS = 10_000;

export class ProgressLine {
  readonly #stream: NodeJS.WriteStream;
  readonly #startedAt = performance.now();
  #firstStep: number | undefined;
  #loggedAt = -Infinity;

  constructor(stream: NodeJS.WriteStream = process.stderr) {
    this.#stream = stream;
  }

  phase(phase: string): void {
    this.#draw(messageLine(phase), true);
  }

  /** A whole line that stays. */
  note(note: string): void {
    this.#stream.write(`${this.#stream.isTTY ? "\r\u001B[2K" : ""}${messageLine(note)}\n`);
  }

  metric(metric: Metric, state: Readonly<RunState>): void {
    const { step, totalSteps = 0, loss, evalLoss } = state;
    this.#firstStep ??= metric.loss === undefined ? metric.step : metric.step - 1;
    const share = totalSteps > 0 ? step / totalSteps : 0;
    const filled = Math.round(share * BAR_CELLS);
    const bar = this.#stream.isTTY ? `${"█".repeat(filled)}${"░".repeat(BAR_CELLS - filled)} ` : "";
    const parts = [
      `${bar}step ${step}/${totalSteps}`,
      loss === undefined ? "" : `loss ${formatLoss(loss)}`,
      evalLoss === undefined ? "" : `eval loss ${formatLoss(evalLoss)}`,
      this.#remaining(step, totalSteps),
    ];
    this.#draw(parts.filter(Boolean).join("  "), metric.evalLoss !== undefined);
  }

  end(): void {
    if (this.#stream.isTTY) this.#stream.write("\n");
  }

  #remaining(step: number, totalSteps: number): string {
    const done = step - (this.#firstStep ?? step);
    if (done === 0 || step >= totalSteps) return "";
    const perStepMs = (performance.now() - this.#startedAt) / done;
    return `${formatDuration(perStepMs * (totalSteps - step))} left`;
  }

  #draw(line: string, isImportant: boolean): void {
    if (this.#stream.isTTY) {
      const width = this.#stream.columns - 1;
      this.#stream.write(`\r\u001B[2K${line.slice(0, width)}`);
      return;
    }
    const now = performance.now();
    if (!isImportant && now - this.#loggedAt < LOG_INTERVAL_MS) return;
    this.#loggedAt = now;
    this.#stream.write(`${line}\n`);
  }
}
