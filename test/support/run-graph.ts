/** One run of a graph on a runtime, from numbers to numbers. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import { xorshift128plus } from "pure-rand/generator/xorshift128plus";
import type { Graph } from "../../src/graph/graph.ts";
import type { ExternalLocation } from "../../src/onnx/model-writer.ts";
import { CPU } from "../../src/onnx-engine/device.ts";
import type {
  CompileOptions,
  CompiledGraph,
  Feed,
  Runtime,
} from "../../src/onnx-engine/runtime.ts";
import { elementCount } from "../../src/util/element-count.ts";
import { type Tensor64, tensor } from "./interpreter.ts";

export type Inputs = Readonly<Record<string, Tensor64>>;

export interface StoredWeights {
  dir: string;
  locate: (name: string) => ExternalLocation;
}

interface RunOptions {
  runtime?: Runtime;
  weights?: StoredWeights;
  prepack?: boolean;
  sizes?: Readonly<Record<string, number>>;
}

/** Values in ±2, rounded to float32, so that all sides compute with the same numbers. */
export function drawn(seed: number, shape: readonly number[]): Tensor64 {
  const random = xorshift128plus(seed);
  const length = elementCount(shape);
  return tensor(
    shape,
    Float32Array.from({ length }, () => random.next() / 2 ** 30),
  );
}

export function compileGraph(graph: Graph, options: RunOptions = {}): Promise<CompiledGraph> {
  const { runtime = CPU.runtime, weights, prepack = false } = options;
  const compiling: CompileOptions = {
    weightsDir: weights?.dir ?? ".",
    locate: weights?.locate ?? ((name) => assert.fail(`${name} is no weight`)),
    threads: 1,
    prepack,
  };
  return runtime.compile(graph, compiling);
}

/** @returns the graph's outputs, in order */
export async function runGraph(
  graph: Graph,
  inputs: Inputs,
  options: RunOptions = {},
): Promise<Float32Array[]> {
  const session = await compileGraph(graph, options);
  try {
    const outputs = await session.run(feedsOf(graph, inputs), options.sizes ?? {});
    return graph.outputs.map(({ name }) => outputs[name]!.data as Float32Array);
  } finally {
    await session.dispose();
  }
}

export function feedsOf(graph: Graph, inputs: Inputs): Record<string, Feed> {
  return Object.fromEntries(
    graph.inputs.map(({ name, type }): [string, Feed] => {
      const { data } = inputs[name]!;
      return [name, type === "int64" ? BigInt64Array.from(data, BigInt) : Float32Array.from(data)];
    }),
  );
}

/** A file of the weights one after the other, as the checkpoint's. */
export function storeWeights(
  t: TestContext,
  parts: Readonly<Record<string, Uint8Array | Float32Array>>,
): StoredWeights {
  const dir = mkdtempSync(path.join(tmpdir(), "retune-weights-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const places = new Map<string, ExternalLocation>();
  const written: Buffer[] = [];
  let byteOffset = 0;
  for (const [name, part] of Object.entries(parts)) {
    const bytes = Buffer.from(part.buffer, part.byteOffset, part.byteLength);
    places.set(name, { path: "weights.bin", byteOffset, byteLength: bytes.byteLength });
    byteOffset += bytes.byteLength;
    written.push(bytes);
  }
  writeFileSync(path.join(dir, "weights.bin"), Buffer.concat(written));
  return { dir, locate: (name) => places.get(name) ?? assert.fail(name) };
}
