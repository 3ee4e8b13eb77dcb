/** How a run is trained in the foreground: by this process where the engine is part of it, else by what its engine launches. */
import { type EngineChoice, engineName } from "../protocol/engine-facts.ts";
import { ONNX } from "../protocol/engines/onnx.ts";
import { type TrainOutcome, type TrainRunOptions, trainRun } from "../trainer/train-run.ts";
import { Registry } from "../util/registry.ts";
import { followRun } from "./follow-run.ts";

interface Trainer {
  /** The name of its engine. */
  readonly name: string;
  train(runDir: string, options: TrainRunOptions): Promise<TrainOutcome>;
}

const TRAINERS_HERE = new Registry<Trainer>("trainer", [{ name: ONNX.name, train: trainRun }]);

/** Whether this process does the engine's work itself. */
export function isBuiltIn(engine: EngineChoice): boolean {
  return TRAINERS_HERE.find(engineName(engine)) !== undefined;
}

/** @throws InputError when the folder is no run, has finished, or is being trained by another process */
export function trainWith(
  engine: EngineChoice,
  runDir: string,
  options: TrainRunOptions,
): Promise<TrainOutcome> {
  const here = TRAINERS_HERE.find(engineName(engine));
  return here ? here.train(runDir, options) : followRun(runDir, options);
}
