/** What is behind a graph: something that compiles it and runs it. ONNX Runtime is one, OpenVINO the other. */
import type { Graph } from "../graph/graph.ts";
import type { ExternalLocation } from "../onnx/model-writer.ts";

/** Sizes are rounded up to multiples of these. */
export interface Rounding {
  /** N, the tokens of a run. */
  tokens: number;
  /** L, the places of a row in a block of attention. */
  places: number;
  /** R, the rows of a part of the head. */
  rows: number;
}

/** A tensor that a run gave, row-major; it can be fed to the next. */
export interface Result {
  readonly dims: readonly number[];
  readonly data: unknown;
}

export type Feed = Float32Array | BigInt64Array | Result;

export interface CompileOptions {
  /** Folder that holds every external weight file. */
  weightsDir: string;
  locate: (name: string) => ExternalLocation;
  /** 0: one per physical core. */
  threads: number;
  /**
   * Packed copies of the weights make products faster but live on the heap; without them the
   * weights stay in the mapped file, where the runtime can read them there.
   */
  prepack: boolean;
}

/** What was found out about a compiled graph, kept beside it from one start to the next. */
export interface KeptVerdict {
  /** How far its results are off, against ONNX Runtime's processor (step-check.ts); undefined where it was not checked yet. */
  readonly relativeError: number | undefined;
  keep(relativeError: number): Promise<void>;
}

/** One compiled graph. Inputs are fed by name; sizes of symbolic dimensions follow from `sizes`. */
export interface CompiledGraph {
  /**
   * @param feeds data for every graph input, row-major
   * @param sizes value of every symbolic dimension, e.g. { B: 4, T: 128 }
   */
  run(
    feeds: Readonly<Record<string, Feed>>,
    sizes: Readonly<Record<string, number>>,
  ): Promise<Readonly<Record<string, Result>>>;
  /** Only where compiled graphs are kept. */
  readonly verdict?: KeptVerdict | undefined;
  dispose(): Promise<void>;
}

export interface Runtime {
  /** With its version, as a run's log names it. */
  readonly description: string;
  /** Where a run of sizes that were met before is quicker than one of new sizes: what they are rounded up to. */
  readonly rounding?: Rounding;
  compile(graph: Graph, options: CompileOptions): Promise<CompiledGraph>;
}

export function isResult(feed: Feed): feed is Result {
  return "dims" in feed;
}
