/** A run from its folder to its end: prepare or restore, train, write the result, say how it went. */
import path from "node:path";
import { env } from "onnxruntime-node";
import type { UsedDevice } from "../protocol/engines/onnx.ts";
import type { ResolvedRecipe } from "../protocol/recipe.ts";
import { trainsBase } from "../protocol/methods.ts";
import { type Metric, RUN_FILES, type RunState } from "../protocol/run-folder.ts";
import { InputError, errorMessage } from "../util/errors.ts";
import { formatDuration } from "../util/format.ts";
import { RETUNE_VERSION } from "../util/version.ts";
import { describeFailure } from "./failure-text.ts";
import {
  type Progress,
  type Trained,
  editedKeys,
  readCheckpointWeights,
  recipeHashes,
  restoreNewest,
  checkpointContent,
} from "../training/checkpoint.ts";
import { checkpointName, hasCheckpoint, pruneCheckpoints } from "../run-folder/checkpoints.ts";
import { fit } from "../training/fit.ts";
import { figureOfBest } from "../protocol/objectives.ts";
import { budgetLines } from "../onnx-engine/budget-text.ts";
import { initAdamW } from "../training/optimizer.ts";
import { type PreparedRun, prepareRun } from "./prepare-run.ts";
import { headlineOf, stateOf } from "../training/progress-state.ts";
import { RunRecorder } from "../run-folder/recorder.ts";
import { readRunRecipe } from "../run-folder/run-recipe.ts";
import { forgetStopRequest } from "../run-folder/control.ts";
import {
  StoppedError,
  type StopSignals,
  watchStopRequests,
  whenAborted,
} from "../run-folder/stop-request.ts";
import { type LoopEnd, TrainingLoop } from "../training/training-loop.ts";

export interface TrainRunOptions {
  /** The first: finish the step, save, and end. The second: say so and end. */
  signals: StopSignals;
  /** Whether a request in control.json is one of last time, which would end the run at its first step. */
  forgetsStop?: boolean | undefined;
  onMetric?: (metric: Metric, state: Readonly<RunState>) => void;
  onPhase?: (phase: string) => void;
  /** Something to know that is no failure: the device that was wished is not used. */
  onNote?: (note: string) => void;
}

export interface TrainOutcome {
  /** As it was left: finished, stopped, or failed with its message. */
  state: RunState;
  /** Folder of the adapter or model written. */
  result?: string;
  /** It failed before its first step over what it was given: data, base model, recipe. */
  refused: boolean;
  /** It was stopped while it prepared, and what it was doing still goes on in this process. */
  isAbandoned: boolean;
}

/**
 * Trains, or goes on training, the run of a folder. How it ends is in the folder's state as well.
 * @throws InputError when the folder is no run, has finished, or is being trained by another process
 */
export async function trainRun(runDir: string, options: TrainRunOptions): Promise<TrainOutcome> {
  const recipe = await readRunRecipe(runDir);
  const recorder = await RunRecorder.open(runDir);
  const { stop, atOnce } = options.signals;
  if (options.forgetsStop === true) await forgetStopRequest(runDir);
  const requests = watchStopRequests(runDir, stop);
  requests.signal.addEventListener("abort", () => void recorder.update({ status: "stopping" }));
  atOnce.addEventListener("abort", () => {
    recorder.closeNow({ status: "stopped", message: "ended at once, without saving" });
  });
  const training = new RunTraining(recipe, {
    dir: runDir,
    recorder,
    options,
    stopped: requests.signal,
  });
  try {
    return await outcomeOf(training, recorder);
  } finally {
    requests.dispose();
    await training.dispose();
  }
}

async function outcomeOf(training: RunTraining, recorder: RunRecorder): Promise<TrainOutcome> {
  try {
    const { end, result } = await training.train();
    await recorder.log(`${end} at step ${recorder.state.step}; wrote ${result}`);
    const status = end === "stopped" ? "stopped" : "finished";
    const notes = [...(end === "stopped early" ? [training.stoppedEarly] : []), ...training.notes];
    await recorder.checkHeld();
    await recorder.close({ status, ...(notes.length > 0 ? { message: notes.join("; ") } : {}) });
    return { state: recorder.state, result, refused: false, isAbandoned: false };
  } catch (error) {
    if (error instanceof StoppedError && !recorder.lost.aborted) {
      const message = `stopped before its first step, while ${recorder.state.phase ?? "starting"}`;
      await recorder.log(message);
      await recorder.close({ status: "stopped", message });
      return { state: recorder.state, refused: false, isAbandoned: true };
    }
    const cause = await recorder.checkHeld().then(
      () => error,
      (lost: unknown) => lost,
    );
    const message = describeFailure(cause);
    const detail = cause instanceof InputError ? message : String((cause as Error).stack ?? cause);
    await recorder.log(`failed: ${detail}`);
    await recorder.close({ status: "failed", message });
    const refused = cause instanceof InputError && !training.hasBegun && cause === error;
    return { state: recorder.state, refused, isAbandoned: error instanceof StoppedError };
  }
}

/** What keepBest and earlyStop go by, in words. */
function bestWords(recipe: ResolvedRecipe): string {
  return figureOfBest(recipe)?.best?.words ?? "evaluation loss";
}

class RunTraining {
  readonly #dir: string;
  readonly #recipe: ResolvedRecipe;
  readonly #recorder: RunRecorder;
  readonly #options: TrainRunOptions;
  readonly #stopped: AbortSignal;
  /** What whoever looks at the run when it has ended should know. */
  readonly notes: string[] = [];
  #prepared: PreparedRun | undefined;
  #hashesRecorded: Promise<void> = Promise.resolve();
  #hasBegun = false;
  #trainedSteps = 0;
  #firstStepEndedAt = 0;

  constructor(
    recipe: ResolvedRecipe,
    run: {
      dir: string;
      recorder: RunRecorder;
      options: TrainRunOptions;
      /** By a signal or by control.json. */
      stopped: AbortSignal;
    },
  ) {
    this.#dir = run.dir;
    this.#recipe = recipe;
    this.#recorder = run.recorder;
    this.#options = run.options;
    this.#stopped = run.stopped;
  }

  get stoppedEarly(): string {
    return `stopped early: the ${bestWords(this.#recipe)} no longer improved`;
  }

  async train(): Promise<{ end: LoopEnd; result: string }> {
    const recorder = this.#recorder;
    const log = (line: string): void => void recorder.log(line);
    const phase = async (now: string): Promise<void> => {
      this.#options.onPhase?.(now);
      await recorder.update({ phase: now });
    };
    // Nothing is lost when it ends here, so that it need not wait for what is under way.
    const ended = Promise.race([whenAborted(this.#stopped), whenAborted(recorder.lost)]);
    ended.catch(() => {});
    const prepared = await Promise.race([prepareRun(this.#recipe, { phase, log }), ended]);
    this.#prepared = prepared;
    await this.#recordInputs(prepared);
    const { engine, learning, rows } = prepared;
    const optimizer = initAdamW(engine.parameters.length);
    const trained: Trained = { parameters: engine.parameters, optimizer };
    const goesOn = await hasCheckpoint(this.#checkpoints);
    const isStopped = (): Promise<boolean> => this.#shouldStop();
    const context = { ...prepared, goesOn, fit, phase, log, isStopped };
    await Promise.race([learning.beforeFirstStep?.(context), ended]);
    const restored = await restoreNewest(this.#checkpoints, engine.trainables, {
      into: trained,
      log,
    });
    await recorder.cutMetrics(restored?.step ?? -1);
    log(restored ? `goes on from step ${restored.step}` : `${rows.totalSteps} steps to go`);
    const recipe = recipeHashes(this.#recipe);
    if (restored?.recipe) this.#tellEdits(restored.recipe, recipe);
    const start = { step: 0, tokens: 0, elapsedMs: 0, evaluationsSinceBest: 0 };
    const progress: Progress = { ...start, ...restored, recipe };
    await recorder.update({
      status: "running",
      phase: undefined,
      totalSteps: rows.totalSteps,
      trainableParameters: engine.parameters.length,
      totalParameters: engine.totalParameters,
      ...stateOf(progress, rows, this.#recipe),
    });
    const counts = { trained: engine.parameters.length, total: engine.totalParameters };
    for (const line of budgetLines(counts, engine.memory)) {
      log(line);
      this.#options.onNote?.(line);
    }
    const loop = new TrainingLoop(
      prepared,
      this.#recipe,
      { progress, optimizer },
      {
        metric: (metric) => this.#metric(metric, loop.progress),
        save: (now) => this.#save(now, trained),
        shouldStop: () => this.#shouldStop(),
        report: (report) => recorder.evaluation(report),
      },
    );
    this.#hasBegun = true;
    const end = await loop.run();
    if (loop.collapse !== undefined) this.#tell(loop.collapse);
    return { end, result: await this.#writeResult(loop.progress) };
  }

  #tellEdits(before: Record<string, string>, now: Record<string, string>): void {
    const keys = editedKeys(before, now);
    if (keys.length === 0) return;
    this.#tell(
      `recipe.json was edited since its last checkpoint (${keys.join(", ")}): it goes on by what is written now`,
    );
  }

  #tell(note: string): void {
    this.notes.push(note);
    this.#options.onNote?.(note);
    void this.#recorder.log(note);
  }

  /** Whether the loop was reached. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  async dispose(): Promise<void> {
    await this.#prepared?.hashing.stop();
    await this.#prepared?.engine.dispose();
  }

  get #checkpoints(): string {
    return this.#recorder.checkpointsDir;
  }

  async #recordInputs({ hashing, engine }: PreparedRun): Promise<void> {
    const versions = {
      retune: RETUNE_VERSION,
      node: process.versions.node,
      "onnxruntime-node": env.versions.node ?? "unknown",
      platform: `${process.platform}-${process.arch}`,
    };
    const { name, precision, note } = engine.device;
    const usedDevice: UsedDevice = { name, precision, ...(note === undefined ? {} : { note }) };
    if (note !== undefined) this.#options.onNote?.(note);
    const usedMemory = engine.memory && {
      mode: engine.memory.mode,
      predictedBytes: engine.memory.predictedBytes,
    };
    const recorder = this.#recorder;
    await recorder.addToRecipe({ ...this.#recipe, versions, usedDevice, usedMemory });
    this.#hashesRecorded = hashing.hashes.then((hashes) => recorder.addToRecipe({ hashes }));
    // Awaited before anything is saved.
    this.#hashesRecorded.catch(() => {});
  }

  async #metric(metric: Metric, progress: Progress): Promise<void> {
    await this.#recorder.metric(metric);
    if (!this.#prepared) return;
    const { rows } = this.#prepared;
    await this.#recorder.update(stateOf(progress, rows, this.#recipe));
    if (metric.loss !== undefined) await this.#tellRest(metric, rows.totalSteps);
    this.#options.onMetric?.(metric, this.#recorder.state);
  }

  /** Once, after this process's second step: its first one warms up. */
  async #tellRest({ step, elapsedMs }: Metric, totalSteps: number): Promise<void> {
    this.#trainedSteps += 1;
    if (this.#trainedSteps === 2) {
      const perStep = elapsedMs - this.#firstStepEndedAt;
      const rest = formatDuration(perStep * (totalSteps - step));
      await this.#recorder.log(`${(perStep / 1000).toPrecision(2)} s a step, about ${rest} to go`);
    }
    this.#firstStepEndedAt = elapsedMs;
  }

  async #shouldStop(): Promise<boolean> {
    const isAsked = await this.#recorder.isStopRequested();
    const isStopping = isAsked || this.#stopped.aborted;
    if (isStopping) await this.#recorder.update({ status: "stopping" });
    return isStopping;
  }

  async #save(progress: Progress, { optimizer }: Trained): Promise<void> {
    if (!this.#prepared) throw new Error("internal: saved before it was prepared");
    // A checkpoint is resumed only under the hashes of what it was made from.
    await this.#hashesRecorded;
    const { engine } = this.#prepared;
    const content = checkpointContent(engine, {
      optimizer,
      progress,
      baseModel: this.#recipe.base,
    });
    await this.#recorder.checkpoint(progress.step, content);
    await pruneCheckpoints(this.#checkpoints, {
      step: progress.step,
      keep: this.#recipe.keepCheckpoints,
      bestStep: this.#recipe.keepBest ? progress.best?.step : undefined,
    });
  }

  /** @returns the folder written */
  async #writeResult(progress: Progress): Promise<string> {
    if (!this.#prepared) throw new Error("internal: a result before it was prepared");
    await this.#hashesRecorded;
    const { engine } = this.#prepared;
    const isAdapter = !trainsBase(this.#recipe.method);
    const dir = path.join(this.#dir, isAdapter ? RUN_FILES.adapter : RUN_FILES.model);
    const parameters = (await this.#bestParameters(progress)) ?? engine.parameters;
    await this.#recorder.checkHeld();
    await engine.saveResult(dir, parameters, { baseModel: this.#recipe.base });
    return dir;
  }

  /** Undefined when the last weights are the best, or when nothing was evaluated. */
  async #bestParameters({ best, step }: Progress): Promise<Float32Array | undefined> {
    if (!this.#recipe.keepBest || !best || best.step === step || !this.#prepared) return undefined;
    const dir = path.join(this.#checkpoints, checkpointName(best.step));
    const { trainables } = this.#prepared.engine;
    try {
      const { parameters, progress } = await readCheckpointWeights(
        { dir, step: best.step },
        trainables,
      );
      if (progress.labelled) {
        await this.#recorder.evaluation(progress.labelled);
        await this.#recorder.update(headlineOf(progress.labelled, this.#recipe));
      }
      const value = best.score ?? best.evalLoss;
      await this.#recorder.log(
        `best ${bestWords(this.#recipe)} ${value} at step ${best.step}: kept`,
      );
      return parameters;
    } catch (error) {
      const note = `the best weights, of step ${best.step}, can't be used (${errorMessage(error)}): the last ones were kept`;
      this.notes.push(note);
      this.#options.onNote?.(note);
      await this.#recorder.log(note);
      await this.#recorder.update({ bestStep: undefined, bestEvalLoss: undefined });
      return undefined;
    }
  }
}
