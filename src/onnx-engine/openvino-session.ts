/** A graph compiled by OpenVINO: properties and their reasons are in docs/engine.md. */
import path from "node:path";
import { evaluateDim } from "../graph/dim.ts";
import type { Graph, Value } from "../graph/graph.ts";
import { writeOnnxModel } from "../onnx/write-model.ts";
import type { CompiledModel, OpenvinoCore, OpenvinoDevice, Properties } from "../openvino/core.ts";
import type { MappedFile } from "../openvino/mapped-file.ts";
import type { Precision } from "../protocol/engines/onnx.ts";
import { InternalError } from "../util/errors.ts";
import {
  type CompileOptions,
  type CompiledGraph,
  type Feed,
  type Result,
  type Runtime,
  isResult,
} from "./runtime.ts";

export interface OpenvinoTarget {
  core: OpenvinoCore;
  /** "2026.4.1" */
  version: string;
  device: OpenvinoDevice;
  precision: Precision;
}

export function openvinoRuntime(target: OpenvinoTarget): Runtime {
  return {
    description: `OpenVINO ${target.version}`,
    rounding: ROUNDING,
    compile: (graph, options) => OpenvinoSession.create(graph, target, options),
  };
}

/** New sizes cost a run 300 ms (135M), 60 % of it; rounding, a few per cent. */
const ROUNDING = { tokens: 64, places: 16, rows: 64 };

const PRECISIONS: Readonly<Record<Precision, string>> = { float32: "f32", bfloat16: "bf16" };

function propertiesOf({ device, precision }: OpenvinoTarget, threads: number): Properties {
  const common = {
    INFERENCE_PRECISION_HINT: PRECISIONS[precision],
    PERFORMANCE_HINT: "LATENCY",
    NUM_STREAMS: "1",
  };
  if (device !== "CPU") return common;
  return {
    ...common,
    INFERENCE_NUM_THREADS: String(threads),
    // Products of weights in blocks would be computed in 8-bit integers.
    DYNAMIC_QUANTIZATION_GROUP_SIZE: "0",
    // As with ONNX Runtime: hidden probabilities end as denormals.
    CPU_DENORMALS_OPTIMIZATION: "YES",
  };
}

class OpenvinoSession implements CompiledGraph {
  readonly #model: CompiledModel;
  readonly #graph: Graph;
  readonly #symbols: readonly string[];

  readonly #unmap: () => void;

  private constructor(state: {
    model: CompiledModel;
    graph: Graph;
    symbols: readonly string[];
    unmap: () => void;
  }) {
    this.#model = state.model;
    this.#graph = state.graph;
    this.#symbols = state.symbols;
    this.#unmap = state.unmap;
  }

  static async create(
    graph: Graph,
    target: OpenvinoTarget,
    options: CompileOptions,
  ): Promise<OpenvinoSession> {
    const files = await mapWeights(graph, target, options);
    const unmap = (): void => {
      for (const { unmap: one } of files.values()) one();
    };
    try {
      const locate = addressesIn(files, options);
      const { bytes, symbols } = writeOnnxModel(graph, locate, "standard");
      const properties = propertiesOf(target, options.threads);
      const model = await target.core.compile(bytes, target.device, properties);
      return new OpenvinoSession({ model, graph, symbols, unmap });
    } catch (error) {
      unmap();
      throw error;
    }
  }

  async run(
    feeds: Readonly<Record<string, Feed>>,
    sizes: Readonly<Record<string, number>>,
  ): Promise<Readonly<Record<string, Result>>> {
    const symbols = new Map(Object.entries(sizes));
    for (const input of this.#graph.inputs) this.#feed(input, feeds[input.name], symbols);
    for (const symbol of this.#symbols) {
      const size = BigInt64Array.of(BigInt(evaluateDim(symbol, symbols)));
      this.#model.feed(`dim.${symbol}`, size, [1]);
    }
    await this.#model.infer();
    return Object.fromEntries(
      this.#graph.outputs.map(({ name }) => [name, this.#model.result(name)]),
    );
  }

  #feed(
    { name, shape }: Value,
    feed: Feed | undefined,
    symbols: ReadonlyMap<string, number>,
  ): void {
    if (!feed) throw new InternalError(`input ${name} is not fed`);
    if (!isResult(feed)) {
      const dims = shape.map((dim) => evaluateDim(dim, symbols));
      this.#model.feed(name, feed, dims);
      return;
    }
    if (!(feed.data instanceof Float32Array)) throw new InternalError("only floats are fed back");
    this.#model.feed(name, feed.data, feed.dims);
  }

  async dispose(): Promise<void> {
    this.#model.dispose();
    this.#unmap();
  }
}

/** The files that hold weights, by their path in `weightsDir`. */
async function mapWeights(
  { weights }: Graph,
  { core }: OpenvinoTarget,
  { weightsDir, locate }: CompileOptions,
): Promise<ReadonlyMap<string, MappedFile>> {
  const mapped = new Map<string, MappedFile>();
  for (const file of new Set(weights.map(({ name }) => locate(name).path))) {
    mapped.set(file, await core.mapFile(path.resolve(weightsDir, file)));
  }
  return mapped;
}

/**
 * The name by which OpenVINO's ONNX reader knows that an offset is an address of this process (ONNX Runtime hands
 * weights over so). By path it takes only files beside the model's own, links not followed, and a base's folder is not
 * ours to write to.
 */
const IN_MEMORY = "*/_ORT_MEM_ADDR_/*";

function addressesIn(
  files: ReadonlyMap<string, MappedFile>,
  { locate }: CompileOptions,
): CompileOptions["locate"] {
  return (name) => {
    const { path: file, byteOffset, byteLength } = locate(name);
    const address = files.get(file)?.address;
    if (address === undefined) throw new InternalError(`${file} is not mapped`);
    return { path: IN_MEMORY, byteOffset: Number(address) + byteOffset, byteLength };
  };
}
