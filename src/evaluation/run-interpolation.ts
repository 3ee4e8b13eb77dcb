/** Works on an interpolation's folder: every alpha that has no point yet is mixed, evaluated and thrown away. */
import { appendFile, mkdir, rm } from "node:fs/promises";
import path from "node:path";
import {
  INTERPOLATION_FILES,
  type InterpolationDefinition,
  type InterpolationPoint,
  type InterpolationState,
  interpolationSchema,
  interpolationStateSchema,
} from "../protocol/interpolation.ts";
import { definitionFile } from "../runs/interpolations/definition-file.ts";
import { readPoints } from "../runs/interpolations/points.ts";
import { LogWriter } from "../run-folder/log-writer.ts";
import { readChecked } from "../run-folder/read-json.ts";
import { StateWriter } from "../run-folder/state-writer.ts";
import { takeFolder } from "../run-folder/take-folder.ts";
import { forgetStopRequest } from "../run-folder/control.ts";
import { type StopSignals, watchStopRequests, whenAborted } from "../run-folder/stop-request.ts";
import { InputError, errorMessage } from "../util/errors.ts";
import { messageLine } from "../util/terminal-text.ts";
import { cutTornLine } from "../util/torn-line.ts";
import { openEvaluator } from "./evaluate-file.ts";

const WHAT = "an interpolation folder";

/** Writes the model that lies `alpha` of the way from the base to what it was tuned to. */
export type Mix = (alpha: number, outDir: string, signal?: AbortSignal) => Promise<void>;

export interface InterpolationOptions {
  /** From the ends that the definition names. */
  mixOf: (definition: InterpolationDefinition) => Promise<Mix>;
  /** SIGINT and the like; control.json is looked at besides. */
  signals: StopSignals;
  /** Whether a request in control.json is one of last time, which would end it at once. */
  forgetsStop?: boolean;
  onPoint: (point: InterpolationPoint) => void;
  onNote: (note: string) => void;
}

export interface InterpolationOutcome {
  definition: InterpolationDefinition;
  state: Readonly<InterpolationState>;
  /** Ascending. */
  points: readonly InterpolationPoint[];
  /** Bad input before its first point. */
  refused: boolean;
}

/**
 * Starts or continues; whatever goes wrong with the work is in the state that it returns.
 * @throws InputError when the folder is no interpolation's or another process works on it
 */
export async function runInterpolation(
  interpolationDir: string,
  options: InterpolationOptions,
): Promise<InterpolationOutcome> {
  const file = path.join(interpolationDir, await definitionFile(interpolationDir));
  const definition = await readChecked(file, interpolationSchema, WHAT);
  const writer = await takeOver(interpolationDir);
  const log = new LogWriter(path.join(interpolationDir, INTERPOLATION_FILES.log));
  const note = (line: string): void => {
    options.onNote(line);
    void log.log(line);
  };
  if (options.forgetsStop === true) await forgetStopRequest(interpolationDir);
  const abort = watchStopRequests(interpolationDir, options.signals.stop);
  options.signals.atOnce.addEventListener("abort", () => {
    writer.closeNow({ status: "stopped", message: "ended at once; its points are kept" });
  });
  const startedAt = performance.now();
  const before = writer.state.elapsedMs ?? 0;
  const mixing: { now?: Promise<void> } = {};
  const shared = { interpolationDir, definition, options, writer, note, mixing };
  const { ending, refused } = await workThrough({ ...shared, signal: abort.signal });
  abort.dispose();
  // A mix hears that it shall stop; before it has, it may write where we remove.
  await mixing.now?.catch(() => undefined);
  // The last word comes when all is in order: whoever waits for it may rely on that.
  if (!writer.lost.aborted) await removeWork(interpolationDir, note);
  if (ending.status !== "failed") note(ending.status ?? "");
  await writer.close({ ...ending, elapsedMs: before + performance.now() - startedAt });
  const points = await readPoints(interpolationDir);
  return { definition, state: writer.state, points, refused };
}

async function takeOver(interpolationDir: string): Promise<StateWriter<InterpolationState>> {
  const file = path.join(interpolationDir, INTERPOLATION_FILES.state);
  const read = (): Promise<InterpolationState> => readChecked(file, interpolationStateSchema, WHAT);
  const taken = await takeFolder(interpolationDir, {
    read,
    busy: "works on this interpolation already",
  });
  const writer = new StateWriter<InterpolationState>(file, taken);
  await writer.write();
  return writer;
}

interface Work {
  interpolationDir: string;
  definition: InterpolationDefinition;
  options: InterpolationOptions;
  writer: StateWriter<InterpolationState>;
  note: (line: string) => void;
  /** What is being mixed, as long as it is. */
  mixing: { now?: Promise<void> };
  signal: AbortSignal;
}

/** Until all is done, it is asked to stop, or something goes wrong. */
async function workThrough(
  work: Work,
): Promise<{ ending: Partial<InterpolationState>; refused: boolean }> {
  const { interpolationDir, writer, note, signal } = work;
  try {
    // An evaluation can't be interrupted; nobody waits for the rest of it.
    await Promise.race([evaluateAll(work), whenAborted(signal)]);
    return { ending: { status: "finished" }, refused: false };
  } catch (error) {
    if (signal.aborted) return { ending: { status: "stopped" }, refused: false };
    const message = messageLine(errorMessage(error));
    const isRefusal = error instanceof InputError && !writer.lost.aborted;
    const refused = isRefusal && (await readPoints(interpolationDir)).length === 0;
    note(error instanceof InputError ? message : ((error as Error).stack ?? message));
    return { ending: { status: "failed", message }, refused };
  }
}

async function evaluateAll(work: Work): Promise<void> {
  const { interpolationDir, definition, options, writer, note, signal } = work;
  await cutTornLine(path.join(interpolationDir, INTERPOLATION_FILES.points));
  const done = new Set((await readPoints(interpolationDir)).map(({ alpha }) => alpha));
  if (done.size > 0) note(`goes on: ${done.size} of ${definition.alphas.length} alphas are done`);
  const mix = await options.mixOf(definition);
  const model = path.join(interpolationDir, INTERPOLATION_FILES.work, "model");
  for (const alpha of definition.alphas.filter((each) => !done.has(each))) {
    await writer.checkHeld();
    // What a killed process left, and the model of the alpha before.
    await removeWork(interpolationDir, note);
    await writer.update({ status: "running", phase: `alpha ${alpha}: mixing` });
    // Nothing is awaited between this and what the end waits for: else a stop meanwhile would leave a folder behind.
    signal.throwIfAborted();
    work.mixing.now = mkdir(path.dirname(model), { recursive: true }).then(() =>
      mix(alpha, model, signal),
    );
    await work.mixing.now;
    const results = await evaluateModel(model, work, alpha);
    signal.throwIfAborted();
    await writer.checkHeld();
    const point: InterpolationPoint = { alpha, results };
    await appendFile(
      path.join(interpolationDir, INTERPOLATION_FILES.points),
      `${JSON.stringify(point)}\n`,
    );
    const shown = Object.entries(results).map(([name, { loss }]) => `${name} ${loss.toFixed(4)}`);
    note(`alpha ${alpha}: loss ${shown.join(", ")}`);
    options.onPoint(point);
  }
}

/** What the model is on each of the data. */
async function evaluateModel(
  baseDir: string,
  { definition, writer, signal }: Work,
  alpha: number,
): Promise<InterpolationPoint["results"]> {
  const { data, maxLength } = definition;
  const shared = { baseDir, maxLength, lossOn: "auto", device: "auto" } as const;
  const evaluator = await openEvaluator({ ...shared, log: () => {} });
  try {
    const results: InterpolationPoint["results"] = {};
    for (const { name, file } of data) {
      signal.throwIfAborted();
      await writer.update({ phase: `alpha ${alpha}: evaluating ${name}` });
      results[name] = (await evaluator.evaluate(file)).figures;
    }
    return results;
  } finally {
    await evaluator.dispose();
  }
}

async function removeWork(interpolationDir: string, note: (line: string) => void): Promise<void> {
  const work = path.join(interpolationDir, INTERPOLATION_FILES.work);
  // Windows keeps files that are mapped: the next start removes them then.
  await rm(work, { recursive: true, force: true, maxRetries: 3 }).catch((error: unknown) => {
    note(`${work} could not be removed: ${errorMessage(error)}`);
  });
}
