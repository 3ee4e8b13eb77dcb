/** A graph compiled by OpenVINO: properties and their reasons are in docs/engine.md. */
import { mkdtemp, link, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { evaluateDim } from "../graph/dim.ts";
import type { Graph, Value } from "../graph/graph.ts";
import type { ExternalLocation } from "../onnx/model-writer.ts";
import { writeOnnxModel } from "../onnx/write-model.ts";
import type { CompiledModel, OpenvinoCore, OpenvinoDevice, Properties } from "../openvino/core.ts";
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
    compile: (graph, options) => OpenvinoSession.create(graph, target, options),
  };
}

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

export class OpenvinoSession implements CompiledGraph {
  readonly #model: CompiledModel;
  readonly #graph: Graph;
  readonly #symbols: readonly string[];

  private constructor(model: CompiledModel, graph: Graph, symbols: readonly string[]) {
    this.#model = model;
    this.#graph = graph;
    this.#symbols = symbols;
  }

  static async create(
    graph: Graph,
    target: OpenvinoTarget,
    options: CompileOptions,
  ): Promise<OpenvinoSession> {
    const folder = await mkdtemp(path.join(tmpdir(), "retune-openvino-"));
    try {
      const locate = await linkWeights(graph, options, folder);
      const { bytes, symbols } = writeOnnxModel(graph, locate, "standard");
      const file = path.join(folder, "graph.onnx");
      await writeFile(file, bytes);
      const properties = propertiesOf(target, options.threads);
      const model = await target.core.compile(file, target.device, properties);
      return new OpenvinoSession(model, graph, symbols);
    } finally {
      await rm(folder, { recursive: true, force: true });
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
  }
}

/** OpenVINO finds external weights beside the model's file only, and a base's folder is not written to: so they are linked. */
async function linkWeights(
  { weights }: Graph,
  { weightsDir, locate }: CompileOptions,
  folder: string,
): Promise<(name: string) => ExternalLocation> {
  const links = new Map<string, string>();
  for (const { name } of weights) {
    const { path: file } = locate(name);
    if (!links.has(file)) links.set(file, `weights-${links.size}.bin`);
  }
  for (const [file, name] of links) {
    await linkFile(path.resolve(weightsDir, file), path.join(folder, name));
  }
  return (name) => {
    const location = locate(name);
    return { ...location, path: links.get(location.path) ?? location.path };
  };
}

/** Windows allows symbolic links to few. */
async function linkFile(target: string, file: string): Promise<void> {
  try {
    await symlink(target, file, "file");
  } catch {
    await link(target, file);
  }
}
