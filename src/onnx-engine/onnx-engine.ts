/** The built-in engine: compiles a training step for ONNX Runtime and executes it. */
import type { Adapter, Tuning } from "../methods/method.ts";
import { tuningOf } from "../methods/tuning.ts";
import type { Example } from "../data/example.ts";
import type { NamedShape } from "../graph/causal-lm.ts";
import { type BaseModel, asClassifier, isStored, openBaseModel } from "../models/base-model.ts";
import { type Classifier, SCORE } from "../adapter-files/classifier-head.ts";
import { quantiseBase } from "../models/quantised-base.ts";
import type { MemoryWish, Quantization } from "../protocol/engines/onnx.ts";
import { type Method, isFromScratch, methodFacts } from "../protocol/methods.ts";
import type { LayerChoice } from "../util/tensor-patterns.ts";
import { compileTraining } from "./compile-training.ts";
import { CPU, type Device, fallBack } from "./device.ts";
import type {
  EvaluationSums,
  GenerationOptions,
  LossSums,
  PassOptions,
  SavedResult,
  Trainable,
} from "../objectives/engine.ts";
import type { FedRow } from "../objectives/row-head.ts";
import { InputError } from "../util/errors.ts";
import { ForwardPasses } from "./forward-passes.ts";
import { type TextGenerator, generatorOf } from "./text-generator.ts";
import { startOfBase } from "./starting-values.ts";
import { dropoutFeeds, feedFormOf, planRuns, runFeeds, trimRows } from "./ort-feeds.ts";
import { type GraphOptions, type TrainingGraph, buildTrainingGraph } from "./ort-graphs.ts";
import { CachedHead } from "./cached-head.ts";
import type { OnnxTrainingEngine } from "./training-engine.ts";
import { type LoadedAdapter, adaptedBase, loadAdapter } from "./load-adapter.ts";
import type { CompileOptions, CompiledGraph, Feed } from "./runtime.ts";
import { saveResult } from "./save-result.ts";
import { floats } from "./token-hits.ts";
import { type PlannedMemory, type StepPlan, compileStep, planStep } from "./step-form.ts";
import {
  checkLength,
  graphOptionsOf,
  layOut,
  parameterFeeds,
  sessionOptionsOf,
  startFeeds,
} from "./tuned-base.ts";
import { elementCount } from "../util/element-count.ts";

export interface EngineOptions {
  base: BaseModel;
  method: Method;
  /** Which tensors of the base, or which of an adapter's targets, are trained; left out: all. */
  layers?: LayerChoice | undefined;
  /** Decides freshly drawn tensors. */
  seed: number;
  /** Longest row in tokens. */
  maxLength: number;
  /** Left out: `auto`. */
  memory?: MemoryWish | undefined;
  /** Left out: what `memory` makes of the model and the machine. */
  plan?: StepPlan | undefined;
  /** 0 or left out: one per physical core. */
  threads?: number | undefined;
  /** How the frozen linear weights are stored; left out: as they are. */
  quantization?: Quantization | undefined;
  /** Where quantised weights are kept; left out: the user's cache. */
  cacheDir?: string | undefined;
  /** Left out: the processor. */
  device?: Device | undefined;
  /** Rows to check a device's gradients on; left out: they are not checked. */
  sample?: readonly Example[] | undefined;
}

/** Sessions, parameters and feeds shared by training and evaluation. */
class OnnxEngine implements OnnxTrainingEngine {
  readonly trainables: readonly Trainable[];
  readonly parameters: Float32Array;
  readonly totalParameters: number;
  readonly device: Device;
  readonly memory: PlannedMemory | undefined;
  readonly #log: (line: string) => void;
  readonly #base: BaseModel;
  readonly #graphOptions: GraphOptions;
  readonly #sessionOptions: CompileOptions;
  readonly #plan: StepPlan;
  readonly #parameterFeeds: Record<string, Feed>;
  readonly #starts: Record<string, Float32Array>;
  readonly #training: { graph: TrainingGraph; session: CompiledGraph } | undefined;
  /** By whether they are the reference's. */
  readonly #passes = new Map<boolean, ForwardPasses>();
  #generator: TextGenerator | undefined;

  constructor(state: {
    base: BaseModel;
    graphOptions: GraphOptions;
    sessionOptions: CompileOptions;
    plan: StepPlan;
    trainables: readonly Trainable[];
    parameters: Float32Array;
    training: { graph: TrainingGraph; session: CompiledGraph } | undefined;
    device: Device;
    memory?: PlannedMemory | undefined;
    log: (line: string) => void;
  }) {
    this.device = state.device;
    this.memory = state.memory;
    this.#log = state.log;
    this.#base = state.base;
    this.#graphOptions = state.graphOptions;
    this.#sessionOptions = state.sessionOptions;
    this.#plan = state.plan;
    this.trainables = state.trainables;
    this.parameters = state.parameters;
    this.#starts = startFeeds(state.graphOptions.tuning.adapter, state);
    this.#parameterFeeds = {
      ...parameterFeeds(state.trainables, state.parameters),
      ...this.#starts,
    };
    this.#training = state.training;
    const ofBase = state.base.architecture.tensors.reduce(
      (sum, { shape }) => sum + elementCount(shape),
      0,
    );
    const { trained } = state.graphOptions.tuning;
    this.totalParameters = state.trainables
      .filter(({ name }) => !trained.has(name))
      .reduce((sum, { length }) => sum + length, ofBase);
  }

  async accumulateGradients(
    batch: readonly Example[],
    { scale, dropoutSeed, into }: { scale: number; dropoutSeed: number; into: Float32Array },
  ): Promise<LossSums> {
    if (!this.#training) throw new Error("internal: opened for evaluation only");
    const { graph, session } = this.#training;
    const form = feedFormOf(this.#graphOptions, this.#plan.form, this.device.runtime.rounding);
    const size = into.length;
    const sums = { lossSum: 0, counted: 0 };
    for (const [index, rows] of this.#runs(batch).entries()) {
      const { feeds, sizes, counted } = runFeeds(rows, scale, form);
      const dropout = this.#dropout(sizes.N, dropoutSeed ^ Math.imul(index, 0x9e3779b1));
      const outputs = await session.run(
        { ...feeds, ...this.#parameterFeeds, ...dropout.feeds },
        { ...sizes, ...dropout.sizes },
      );
      const result = floats(outputs[graph.result]?.data);
      for (let i = 0; i < size; i++) into[i] = (into[i] ?? 0) + (result[i] ?? 0);
      sums.lossSum += (result[size] ?? Number.NaN) / scale;
      sums.counted += counted;
    }
    return sums;
  }

  #runs(batch: readonly Example[]): readonly (readonly FedRow[])[] {
    return planRuns(trimRows(batch), this.#plan.maxTokens);
  }

  get classifier(): Classifier | undefined {
    return this.#base.classifier;
  }

  #dropout(tokens: number, seed: number): { feeds: Record<string, Feed>; sizes: object } {
    const { dropout } = this.#graphOptions.tuning.adapter ?? {};
    if (!dropout) return { feeds: {}, sizes: {} };
    const { rate, sites, width } = dropout;
    return dropoutFeeds({ rate, sites, largest: tokens * width, seed });
  }

  afterUpdate(): void {
    const { adapter } = this.#graphOptions.tuning;
    if (!adapter?.constrain) return;
    const { trained } = this.#graphOptions.tuning;
    for (const { name, shape, offset, length } of this.trainables) {
      if (trained.has(name)) continue;
      adapter.constrain({ name, shape }, this.parameters.subarray(offset, offset + length));
    }
  }

  get adapter(): Adapter | undefined {
    return this.#graphOptions.tuning.adapter;
  }

  evaluate(batch: readonly Example[], options?: PassOptions): Promise<EvaluationSums> {
    return this.#passesOf(options).evaluate(batch);
  }

  logProbs(batch: readonly Example[], options?: PassOptions): Promise<readonly Float32Array[]> {
    return this.#passesOf(options).logProbs(batch);
  }

  hiddenStates(batch: readonly Example[], options?: PassOptions): Promise<readonly Float32Array[]> {
    return this.#passesOf(options).hiddenStates(batch);
  }

  #passesOf({ reference = false }: PassOptions = {}): ForwardPasses {
    const known = this.#passes.get(reference);
    if (known) return known;
    const { tuning } = this.#graphOptions;
    const graphOptions = reference
      ? { ...this.#graphOptions, tuning: untuned(tuning, this.#base) }
      : this.#graphOptions;
    const passes = new ForwardPasses({
      graphOptions,
      sessionOptions: this.#sessionOptions,
      plan: this.#plan,
      parameterFeeds: this.#parameterFeeds,
      device: this.device,
      log: this.#log,
    });
    this.#passes.set(reference, passes);
    return passes;
  }

  async releaseReference(): Promise<void> {
    await this.#passes.get(true)?.dispose();
    this.#passes.delete(true);
  }

  async generate(
    prompts: readonly (readonly number[])[],
    options: GenerationOptions,
  ): Promise<readonly (readonly number[])[]> {
    this.#generator ??= await generatorOf({
      baseDir: this.#base.dir,
      graphOptions: this.#graphOptions,
      sessionOptions: this.#sessionOptions,
      feeds: this.#parameterFeeds,
      device: this.device,
      log: this.#log,
    });
    const answers: (readonly number[])[] = [];
    for (const [index, prompt] of prompts.entries()) {
      const seed = options.seed + index;
      answers.push(await this.#generator.generate(prompt, { ...options, seed }));
    }
    return answers;
  }

  async saveResult(
    dir: string,
    parameters: Float32Array,
    { baseModel }: { baseModel: string },
  ): Promise<SavedResult> {
    const { tuning } = this.#graphOptions;
    return saveResult(dir, {
      base: this.#base,
      tuning,
      starts: this.#starts,
      tensors: this.trainables.map(({ name, shape, offset, length }) => ({
        name,
        shape,
        values: parameters.subarray(offset, offset + length),
      })),
      baseModel,
    });
  }

  async dispose(): Promise<void> {
    await this.#training?.session.dispose();
    for (const passes of this.#passes.values()) await passes.dispose();
    await this.#generator?.dispose();
  }
}

/** The base as it is on disk; what is not there, a head that was drawn, stays what it is. */
function untuned({ trained }: Tuning, { dir, weights }: BaseModel): Tuning {
  const drawn = new Set([...trained].filter((name) => !isStored(weights, name)));
  if (weights.size === 0) throw new InputError(`${dir} has no weights to be the reference`);
  return { trained: drawn, adapter: undefined };
}

/** Everything about a training step that is known before it is compiled. */
export interface PlannedTraining {
  base: BaseModel;
  graphOptions: GraphOptions;
  plan: StepPlan;
  graph: TrainingGraph;
  /** Undefined where a plan was given. */
  memory: PlannedMemory | undefined;
  trainableParameters: number;
  totalParameters: number;
}

type PlanOptions = EngineOptions & { log?: (line: string) => void };

/** @throws InputError for a base model, method or length that does not fit */
export async function planEngine(options: PlanOptions): Promise<PlannedTraining> {
  const { method, maxLength, log = () => {} } = options;
  checkLength(options.base, maxLength);
  const base = await quantiseBase(options.base, { ...options, log });
  const tuning = tuningOf({ method, layers: options.layers }, base);
  checkLength(base, maxLength, tuning.adapter?.virtualTokens);
  const graphOptions = graphOptionsOf(base, tuning, maxLength);
  const sizeOf = (tensors: readonly NamedShape[]): number =>
    tensors.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const weightBytes = [...base.weights.values()].reduce((sum, one) => sum + one.byteLength, 0);
  const planned: Pick<PlannedTraining, "plan" | "graph" | "memory"> = options.plan
    ? {
        plan: options.plan,
        graph: buildTrainingGraph(graphOptions, options.plan.form),
        memory: undefined,
      }
    : compileStep(graphOptions, {
        maxLength,
        mode: options.memory ?? "auto",
        precision: options.device?.precision,
        weightBytes,
        log,
      });
  const added = planned.graph.parameters.filter(({ name }) => !tuning.trained.has(name));
  return {
    ...planned,
    base,
    graphOptions,
    trainableParameters: sizeOf(planned.graph.parameters),
    totalParameters: sizeOf(base.architecture.tensors) + sizeOf(added),
  };
}

/** In float32 where bfloat16 is not predicted to fit: its other memory modes save nothing (docs/engine.md). */
async function planWithin(
  options: PlanOptions,
): Promise<{ planned: PlannedTraining; device: Device }> {
  const { device = CPU, memory = "auto", log = () => {} } = options;
  const planned = await planEngine(options);
  const fits = planned.memory === undefined || planned.memory.mode === "speed";
  if (device.precision === "float32" || memory !== "auto" || fits) return { planned, device };
  const instead = fallBack("bfloat16 is not predicted to fit in free memory", "float32");
  log(instead.note ?? "");
  return { planned: await planEngine({ ...options, device: instead }), device: instead };
}

/**
 * Compiles the training step.
 * @throws InputError for a base model, method or length that does not fit, before anything is compiled
 */
export async function openTrainingEngine(options: PlanOptions): Promise<OnnxTrainingEngine> {
  const { method, seed, threads = 0, log = () => {} } = options;
  const { planned, device: wished } = await planWithin(options);
  const { base, graphOptions, plan, graph, memory } = planned;
  const { tuning } = graphOptions;
  const { trainables, size } = layOut(graph.parameters);
  const parameters = new Float32Array(size);
  const startOf = tuning.start?.(base, { seed, log });
  for (const { name, shape, offset, length } of trainables) {
    const tensor = { name, shape };
    const initial = tuning.trained.has(name)
      ? await startOfBase(tensor, base, { seed, fromScratch: isFromScratch(method) })
      : await startOf?.(tensor);
    if (!initial) throw new Error(`internal: ${name} has no start`);
    parameters.subarray(offset, offset + length).set(initial);
  }
  const sessionOptions = await sessionOptionsOf(base, { threads, prepack: plan.prepack });
  const state = { base, graphOptions, sessionOptions, plan, trainables, parameters, memory, log };
  if (methodFacts(method).ofBase === "head") {
    const engine = new OnnxEngine({ ...state, training: undefined, device: wished });
    return new CachedHead(engine, graphOptions.rowHead, log);
  }
  const { session, device } = await compileTraining({ ...state, graph, wished }, options.sample);
  return new OnnxEngine({ ...state, training: { graph, session }, device });
}

/** Opens a base model, with or without an adapter, to evaluate only. */
export async function openEvaluationEngine(options: {
  baseDir: string;
  adapterDir?: string | undefined;
  /** To learn what a head of these labels would read: the base's own head gives way to one of zeros. */
  emptyHead?: Classifier | undefined;
  maxLength: number;
  threads?: number | undefined;
  device?: Device | undefined;
  log?: (line: string) => void;
}): Promise<Pick<OnnxTrainingEngine, "evaluate" | "dispose" | "classifier">> {
  const { baseDir, adapterDir, emptyHead, maxLength } = options;
  const { threads = 0, device = CPU, log = () => {} } = options;
  const opened = await openBaseModel(baseDir);
  const base = emptyHead ? asClassifier(opened, emptyHead) : await adaptedBase(opened, adapterDir);
  checkLength(base, maxLength);
  const { tuning, trainables, parameters } = emptyHead
    ? zeroHead(base)
    : await loadAdapter(base, adapterDir);
  const graphOptions = graphOptionsOf(base, tuning, maxLength);
  return new OnnxEngine({
    base,
    graphOptions,
    sessionOptions: await sessionOptionsOf(base, { threads, prepack: false }),
    plan: planStep(graphOptions, { maxLength, mode: "balanced" }),
    trainables,
    parameters,
    training: undefined,
    device,
    log,
  });
}

function zeroHead({ architecture: { tensors } }: BaseModel): LoadedAdapter {
  const { trainables, size } = layOut(tensors.filter(({ name }) => name === SCORE));
  const tuning = { trained: new Set([SCORE]), adapter: undefined };
  return { tuning, trainables, parameters: new Float32Array(size) };
}
