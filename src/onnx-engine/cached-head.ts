/**
 * A classification head trained alone. The body never changes, so each row passes through it once:
 * every later epoch and evaluation is arithmetic on the features it gave.
 */
import type { Adapter } from "../methods/method.ts";
import type { Example } from "../data/example.ts";
import type { Classifier } from "../adapter-files/classifier-head.ts";
import { formatBytes } from "../util/format.ts";
import type { Device } from "./device.ts";
import type {
  EvaluationSums,
  GenerationOptions,
  LossSums,
  PassOptions,
  RowAnswer,
  SavedResult,
  Trainable,
} from "../objectives/engine.ts";
import type { RowHead } from "../objectives/row-head.ts";
import type { OnnxTrainingEngine } from "./training-engine.ts";
import type { PlannedMemory } from "./step-form.ts";
import { addHeadGradient, headLogits } from "../objectives/linear-head.ts";

/** Rows beyond this pass through the body each time. */
const MAX_CACHED_BYTES = 2 ** 30;

export class CachedHead implements OnnxTrainingEngine {
  readonly #engine: OnnxTrainingEngine;
  readonly #head: RowHead;
  readonly #log: (line: string) => void;
  readonly #features = new Map<Example, Float32Array>();
  #cachedBytes = 0;

  /** @param engine of a model whose head over rows alone is trained */
  constructor(engine: OnnxTrainingEngine, head: RowHead | undefined, log: (line: string) => void) {
    if (!head) throw new Error("internal: no head over rows");
    this.#engine = engine;
    this.#head = head;
    this.#log = log;
  }

  get trainables(): readonly Trainable[] {
    return this.#engine.trainables;
  }

  get parameters(): Float32Array {
    return this.#engine.parameters;
  }

  get totalParameters(): number {
    return this.#engine.totalParameters;
  }

  get device(): Device {
    return this.#engine.device;
  }

  get adapter(): Adapter | undefined {
    return this.#engine.adapter;
  }

  get memory(): PlannedMemory | undefined {
    return this.#engine.memory;
  }

  get classifier(): Classifier | undefined {
    return this.#engine.classifier;
  }

  async accumulateGradients(
    batch: readonly Example[],
    { scale, into }: { scale: number; dropoutSeed: number; into: Float32Array },
  ): Promise<LossSums> {
    let lossSum = 0;
    for (const { example, logits, features } of await this.#answers(batch)) {
      const { loss, gradient } = this.#head.rowLoss(logits, example);
      const weight = weightOf(example);
      lossSum += weight * loss;
      addHeadGradient(into, gradient, features, scale * weight);
    }
    return { lossSum, counted: batch.length };
  }

  afterUpdate(): void {}

  async evaluate(batch: readonly Example[], options: PassOptions = {}): Promise<EvaluationSums> {
    if (options.reference) return this.#engine.evaluate(batch, options);
    const answers = await this.#answers(batch);
    const lossSum = answers.reduce(
      (sum, { example, logits }) =>
        sum + weightOf(example) * this.#head.rowLoss(logits, example).loss,
      0,
    );
    const correct = answers.filter((answer) => this.#head.isRight(answer)).length;
    const rows = batch.length;
    return { lossSum, counted: rows, rows, correct, exact: correct, answers };
  }

  async #answers(batch: readonly Example[]): Promise<readonly RowAnswer[]> {
    const unknown = batch.filter((example) => !this.#features.has(example));
    const fresh =
      unknown.length === 0 ? [] : ((await this.#engine.evaluate(unknown)).answers ?? []);
    for (const { example, features } of fresh) this.#keep(example, features);
    const passed = new Map(fresh.map(({ example, features }) => [example, features]));
    const [head] = this.trainables;
    const outputs = head?.shape[0] ?? 0;
    return batch.map((example) => {
      const features = this.#features.get(example) ?? passed.get(example);
      if (!features) throw new Error(`internal: no features of row ${example.line}`);
      return { example, features, logits: headLogits(this.parameters, features, outputs) };
    });
  }

  #keep(example: Example, features: Float32Array): void {
    const bytes = this.#cachedBytes + features.byteLength;
    if (bytes > MAX_CACHED_BYTES) return;
    this.#features.set(example, features);
    this.#cachedBytes = bytes;
    if (bytes + features.byteLength <= MAX_CACHED_BYTES) return;
    this.#log(
      `features of ${this.#features.size} rows are kept (${formatBytes(bytes)}); further rows are computed at each pass`,
    );
  }

  logProbs(batch: readonly Example[], options?: PassOptions): Promise<readonly Float32Array[]> {
    return this.#engine.logProbs(batch, options);
  }

  hiddenStates(batch: readonly Example[], options?: PassOptions): Promise<readonly Float32Array[]> {
    return this.#engine.hiddenStates(batch, options);
  }

  releaseReference(): Promise<void> {
    return this.#engine.releaseReference();
  }

  generate(
    prompts: readonly (readonly number[])[],
    options: GenerationOptions,
  ): Promise<readonly (readonly number[])[]> {
    return this.#engine.generate(prompts, options);
  }

  saveResult(
    dir: string,
    parameters: Float32Array,
    info: { baseModel: string },
  ): Promise<SavedResult> {
    return this.#engine.saveResult(dir, parameters, info);
  }

  dispose(): Promise<void> {
    return this.#engine.dispose();
  }
}

/** A row weighs what its last token does. */
function weightOf({ weights }: Example): number {
  return weights.at(-1) ?? 0;
}
