/** A graph compiled by OpenVINO: properties and their reasons are in docs/engine.md. */
import { createHash } from "node:crypto";
import path from "node:path";
import { evaluateDim } from "../graph/dim.ts";
import type { Graph, Value } from "../graph/graph.ts";
import { writeOnnxModel } from "../onnx/write-model.ts";
import type { CompiledModel, OpenvinoCore, OpenvinoDevice, Properties } from "../openvino/core.ts";
import type { Precision } from "../protocol/engines/onnx.ts";
import { stampOf } from "../tensors/stamped-file.ts";
import { InternalError } from "../util/errors.ts";
import { type CompiledCache, type KeptCompilation, compileKept } from "./compiled-cache.ts";
import {
  type CompileOptions,
  type CompiledGraph,
  type Feed,
  type KeptVerdict,
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
  /** Where compiled graphs are kept; left out: nowhere. */
  cache?: CompiledCache | undefined;
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
  readonly verdict: KeptVerdict | undefined;
  readonly #model: CompiledModel;
  readonly #graph: Graph;
  readonly #symbols: readonly string[];

  private constructor(
    { model, verdict }: KeptCompilation,
    { graph, symbols }: { graph: Graph; symbols: readonly string[] },
  ) {
    this.verdict = verdict;
    this.#model = model;
    this.#graph = graph;
    this.#symbols = symbols;
  }

  static async create(
    graph: Graph,
    target: OpenvinoTarget,
    options: CompileOptions,
  ): Promise<OpenvinoSession> {
    const { bytes, symbols } = writeOnnxModel(graph, options.locate, "standard");
    const compiled = await compile(bytes, graph, { target, options });
    return new OpenvinoSession(compiled, { graph, symbols });
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
  }
}

async function compile(
  onnx: Uint8Array,
  { weights }: Graph,
  { target, options }: { target: OpenvinoTarget; options: CompileOptions },
): Promise<KeptCompilation> {
  const { core, device, cache } = target;
  const { weightsDir, locate, threads } = options;
  const properties = propertiesOf(target, threads);
  const files = [...new Set(weights.map(({ name }) => locate(name).path))];
  const [file, ...others] = files.map((each) => path.resolve(weightsDir, each));
  // OpenVINO finds the weights of what it has kept in one file.
  const isKept = device === "CPU" && others.length === 0;
  if (!cache || !isKept) {
    const model = await core.compile(onnx, { device, properties, weightsDir });
    return { model, verdict: undefined };
  }
  const mode: Properties =
    file === undefined
      ? { CACHE_MODE: "OPTIMIZE_SPEED" }
      : // The weights stay where they are: what is kept names their places.
        { CACHE_MODE: "OPTIMIZE_SIZE", WEIGHTS_PATH: file };
  const versions = { openvino: target.version, processor: core.deviceName(device) };
  const facts = {
    ...versions,
    properties,
    weights: file === undefined ? null : await stampOf(file),
  };
  const key = createHash("sha256").update(onnx).update(JSON.stringify(facts)).digest("hex");
  return compileKept(cache, {
    key,
    compile: (cacheDir) =>
      core.compile(onnx, {
        device,
        properties:
          cacheDir === undefined ? properties : { ...properties, ...mode, CACHE_DIR: cacheDir },
        weightsDir,
      }),
  });
}
