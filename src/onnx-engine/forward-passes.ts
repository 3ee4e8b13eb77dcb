/** What the model says of rows, without a gradient: losses, hits, log-probabilities, what its head reads. */
import type { Example } from "../data/example.ts";
import type { EvaluationSums, RowAnswer } from "../objectives/engine.ts";
import type { Graph } from "../graph/graph.ts";
import type { FedRow } from "../objectives/row-head.ts";
import { InputError } from "../util/errors.ts";
import { type Device, compileOnDevice } from "./device.ts";
import {
  type EvaluationGraph,
  type HiddenGraph,
  buildEvaluationGraph,
  buildHiddenGraph,
} from "./evaluation-graphs.ts";
import { feedFormOf, hiddenFeeds, planRuns, runFeeds, trimRows } from "./ort-feeds.ts";
import type { GraphOptions } from "./ort-graphs.ts";
import type { CompileOptions, CompiledGraph, Feed } from "./runtime.ts";
import { answersOf } from "./row-answers.ts";
import type { StepPlan } from "./step-form.ts";
import { floats, tokenHits, tokenLogProbs } from "./token-hits.ts";

interface Opened<Built> {
  graph: Built;
  session: CompiledGraph;
}

export interface PassState {
  graphOptions: GraphOptions;
  sessionOptions: CompileOptions;
  plan: StepPlan;
  /** What is trained, live. */
  parameterFeeds: Record<string, Feed>;
  device: Device;
  log: (line: string) => void;
}

export class ForwardPasses {
  readonly #state: PassState;
  #evaluation: Opened<EvaluationGraph> | undefined;
  #hidden: Opened<HiddenGraph> | undefined;

  constructor(state: PassState) {
    this.#state = state;
  }

  async evaluate(batch: readonly Example[]): Promise<EvaluationSums> {
    const { rowHead } = this.#state.graphOptions;
    const sums = { lossSum: 0, counted: 0, rows: 0, correct: 0, exact: 0 };
    const answers: RowAnswer[] = [];
    for await (const { rows, counted, loss, answered, features } of this.#evaluated(batch)) {
      sums.lossSum += loss;
      sums.counted += counted;
      sums.rows += rows.length;
      if (features) {
        for (const answer of answersOf(rows, { logits: answered, features })) answers.push(answer);
      } else {
        const { correct, exact } = tokenHits(rows, answered);
        sums.correct += correct;
        sums.exact += exact;
      }
    }
    if (!rowHead) return sums;
    const correct = answers.filter((answer) => rowHead.isRight(answer)).length;
    return { ...sums, correct, exact: correct, answers };
  }

  /** One [T] for each row in order; 0 where a token's weight is. */
  async logProbs(batch: readonly Example[]): Promise<readonly Float32Array[]> {
    if (this.#state.graphOptions.rowHead) {
      throw new InputError("a head over rows has no probabilities of tokens");
    }
    const found = new Map(batch.map((row) => [row, new Float32Array(row.ids.length)]));
    for await (const { rows, losses } of this.#evaluated(batch)) {
      tokenLogProbs(rows, losses, found);
    }
    return batch.map((row) => found.get(row) ?? new Float32Array());
  }

  /** One [T,C] for each row in order. */
  async hiddenStates(batch: readonly Example[]): Promise<readonly Float32Array[]> {
    this.#hidden ??= await this.#open(buildHiddenGraph);
    const { graph, session } = this.#hidden;
    const found = new Map<Example, Float32Array>();
    const whole = batch
      .map((example) => ({ example, length: example.ids.length }))
      .filter(({ length }) => length > 0)
      .toSorted((a, b) => b.length - a.length);
    for (const rows of planRuns(whole, this.#state.plan.maxTokens)) {
      const { feeds, sizes } = hiddenFeeds(rows, this.#feedForm);
      const outputs = await session.run({ ...feeds, ...this.#state.parameterFeeds }, sizes);
      const states = floats(outputs[graph.hidden]?.data);
      const width = states.length / rows.reduce((sum, { length }) => sum + length, 0);
      let at = 0;
      for (const { example, length } of rows) {
        found.set(example, states.slice(at, (at += length * width)));
      }
    }
    return batch.map((row) => found.get(row) ?? new Float32Array());
  }

  async *#evaluated(batch: readonly Example[]): AsyncGenerator<EvaluatedRun> {
    this.#evaluation ??= await this.#open(buildEvaluationGraph);
    const { graph, session } = this.#evaluation;
    for (const rows of planRuns(trimRows(batch), this.#state.plan.maxTokens)) {
      const { feeds, sizes, counted } = runFeeds(rows, 1, this.#feedForm);
      const outputs = await session.run({ ...feeds, ...this.#state.parameterFeeds }, sizes);
      const of = (name: string | undefined): Float32Array | undefined =>
        name === undefined ? undefined : floats(outputs[name]?.data);
      yield {
        rows,
        counted,
        loss: floats(outputs[graph.loss]?.data)[0] ?? Number.NaN,
        answered: floats(outputs[graph.answers]?.data),
        features: of(graph.features),
        losses: of(graph.losses) ?? new Float32Array(),
      };
    }
  }

  get #feedForm() {
    const { graphOptions, plan, device } = this.#state;
    return feedFormOf(graphOptions, plan.form, device.runtime.rounding);
  }

  async #open<Built extends { graph: Graph }>(
    build: (options: GraphOptions, form: StepPlan["form"]) => Built,
  ): Promise<Opened<Built>> {
    const { graphOptions, plan, sessionOptions, device: wished, log } = this.#state;
    const graph = build(graphOptions, plan.form);
    // The weights stay in the file: packing takes longer than one evaluation gains by it.
    const options = { ...sessionOptions, prepack: false };
    const { session, device } = await compileOnDevice(wished, graph.graph, options);
    if (device !== wished) log(`evaluation: ${device.note}`);
    return { graph, session };
  }

  async dispose(): Promise<void> {
    await this.#evaluation?.session.dispose();
    await this.#hidden?.session.dispose();
  }
}

interface EvaluatedRun {
  rows: readonly FedRow[];
  counted: number;
  loss: number;
  answered: Float32Array;
  features: Float32Array | undefined;
  /** One for each weighted token of the rows, one row after the other, then filling. */
  losses: Float32Array;
}
