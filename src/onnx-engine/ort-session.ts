/** The only place that talks to ONNX Runtime. Options and their reasons: docs/engine.md. */
import { InferenceSession, Tensor, env } from "onnxruntime-node";
import type { Graph, Value } from "../graph/graph.ts";
import { evaluateDim } from "../graph/dim.ts";
import { writeOnnxModel } from "../onnx/write-model.ts";
import { InternalError } from "../util/errors.ts";
import {
  type CompileOptions,
  type CompiledGraph,
  type Feed,
  type Result,
  type Runtime,
  isResult,
} from "./runtime.ts";

export interface OrtSessionOptions extends CompileOptions {
  /** Execution providers (device.ts); left out: the processor. */
  providers?: readonly string[];
}

/** ONNX Runtime on these of its execution providers. */
export function ortRuntime(providers: readonly string[]): Runtime {
  return {
    description: `ONNX Runtime ${env.versions.node ?? ""}`.trim(),
    compile: (graph, options) => OrtSession.create(graph, { ...options, providers }),
  };
}

export class OrtSession implements CompiledGraph {
  readonly #session: InferenceSession;
  readonly #graph: Graph;
  readonly #symbols: readonly string[];

  private constructor(session: InferenceSession, graph: Graph, symbols: readonly string[]) {
    this.#session = session;
    this.#graph = graph;
    this.#symbols = symbols;
  }

  static async create(graph: Graph, options: OrtSessionOptions): Promise<OrtSession> {
    const { bytes, symbols } = writeOnnxModel(graph, options.locate);
    const session = await InferenceSession.create(bytes, {
      executionProviders: options.providers ?? ["cpu"],
      intraOpNumThreads: options.threads,
      interOpNumThreads: 1,
      // The graph is already in the form we measured to be fast. Folding turns casts of
      // half-precision weights into float32 copies: to be packed, or else not wanted.
      graphOptimizationLevel: options.prepack && hasHalfWeights(graph) ? "basic" : "disabled",
      // Planning one big block on top of the arena doubles memory from the second step on.
      enableMemPattern: false,
      enableCpuMemArena: true,
      logSeverityLevel: 3,
      extra: {
        session: {
          model_external_initializers_file_folder_path: options.weightsDir,
          disable_prepacking: options.prepack ? "0" : "1",
          // Probabilities that causality hides end as denormals, a hundred times slower than zeros:
          // softmax of a 256-token row took three times as long.
          set_denormal_as_zero: "1",
        },
      },
    });
    return new OrtSession(session, graph, symbols);
  }

  async run(
    feeds: Readonly<Record<string, Feed>>,
    sizes: Readonly<Record<string, number>>,
  ): Promise<Readonly<Record<string, Tensor>>> {
    const symbols = new Map(Object.entries(sizes));
    const tensors: Record<string, Tensor> = {};
    for (const input of this.#graph.inputs) {
      const data = feeds[input.name];
      if (!data) throw new Error(`internal: input ${input.name} is not fed`);
      tensors[input.name] = isResult(data) ? asTensor(data) : toTensor(input, data, symbols);
    }
    for (const symbol of this.#symbols) {
      const size = evaluateDim(symbol, symbols);
      tensors[`dim.${symbol}`] = new Tensor("int64", BigInt64Array.of(BigInt(size)), [1]);
    }
    return this.#session.run(tensors);
  }

  async dispose(): Promise<void> {
    await this.#session.release();
  }
}

/** Whether packing means widening too. Weights in blocks are never unpacked for good: they are there to save memory. */
export function hasHalfWeights({ weights }: Graph): boolean {
  const types = new Set(weights.map(({ type }) => type));
  return (
    (types.has("float16") || types.has("bfloat16")) && !types.has("int8") && !types.has("int4")
  );
}

/** A result of a session's own is fed as it is. */
function asTensor(result: Result): Tensor {
  if (result instanceof Tensor) return result;
  if (!(result.data instanceof Float32Array)) throw new InternalError("only floats are fed back");
  return new Tensor("float32", result.data, result.dims);
}

function toTensor(
  { type, shape, name }: Value,
  data: Exclude<Feed, Result>,
  symbols: ReadonlyMap<string, number>,
): Tensor {
  const dims = shape.map((dim) => evaluateDim(dim, symbols));
  if (type === "float32" && data instanceof Float32Array) return new Tensor("float32", data, dims);
  if (type === "int64" && data instanceof BigInt64Array) return new Tensor("int64", data, dims);
  throw new Error(`internal: ${name} is ${type}, fed with ${data.constructor.name}`);
}
