/** Runs that end with a loss like any other and have learnt nothing: too high a rate threw the weights to where no gradient is. */
import { formatLoss } from "../util/format.ts";

/** Below it no step of any rate in use changes a weight; a healthy run's norms are a million times as large. */
const NO_GRADIENT = 1e-7;
/** A loss this small is learnt by heart, and may well have no gradient. */
const LEARNT = 1e-2;
/** One step without gradient may be chance: a row that is known by heart. */
const LEAST_STEPS = 2;

/** Watches the newest steps of a run. */
export class CollapseWatch {
  #since: number | undefined;
  #last: { step: number; loss: number } | undefined;

  /** @param step 1-based */
  add(step: number, { loss, gradNorm }: { loss: number; gradNorm: number }): void {
    const isStuck = gradNorm <= NO_GRADIENT && loss > LEARNT;
    this.#since = isStuck ? (this.#since ?? step) : undefined;
    this.#last = { step, loss };
  }

  /** What to say of a run that ends now; undefined for one whose steps still changed something. */
  noteFor(learningRate: number): string | undefined {
    const [since, last] = [this.#since, this.#last];
    if (since === undefined || !last || last.step - since + 1 < LEAST_STEPS) return undefined;
    return `training collapsed: from step ${since} on no gradient was left and the loss stayed at ${formatLoss(last.loss)}, so that nothing was learnt; lower optimizer.learningRate (${learningRate})`;
  }
}
