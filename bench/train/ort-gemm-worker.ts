/** The rate of ONNX Runtime's matrix product on a case's shapes: the limit that a step is held against. */
import { create, toBinary } from "@bufbuild/protobuf";
import { setTimeout as sleep } from "node:timers/promises";
import { InferenceSession, Tensor } from "onnxruntime-node";
import {
  type TensorProto,
  ModelProtoSchema,
  TensorProtoSchema,
  TensorProto_DataType,
} from "../../src/onnx/gen/onnx_pb.js";
import type { GemmConfig, GemmReply } from "./protocol.ts";
import { readConfig, serveSteps } from "./worker-loop.ts";

const REPEATS = 5;
/** A session's threads spin for a while after a run, and would take the cores from the next one's. */
const SPIN_MS = 200;

/** Any values but zeros, whose products some processors do faster. */
function values(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, index) => ((index * 7919) % 1009) / 1009 - 0.5);
}

function initializer(name: string, dims: readonly number[]): TensorProto {
  const data = values(dims.reduce((a, b) => a * b, 1));
  return create(TensorProtoSchema, {
    name,
    dims: dims.map(BigInt),
    dataType: TensorProto_DataType.FLOAT,
    rawData: new Uint8Array(data.buffer),
  });
}

function tensorType(name: string, dims: readonly number[]) {
  const dim = dims.map((size) => ({ value: { case: "dimValue" as const, value: BigInt(size) } }));
  const value = { elemType: TensorProto_DataType.FLOAT, shape: { dim } };
  return { name, type: { value: { case: "tensorType" as const, value } } };
}

/** x [M, K] · w [K, N], the weights packed beforehand as a session's are. */
function productModel(rows: number, [inner, outer]: readonly [number, number]): Uint8Array {
  const model = create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [{ domain: "", version: 18n }],
    graph: {
      name: "product",
      node: [{ opType: "MatMul", name: "product", input: ["x", "w"], output: ["y"] }],
      initializer: [initializer("w", [inner, outer])],
      input: [tensorType("x", [rows, inner])],
      output: [tensorType("y", [rows, outer])],
    },
  });
  return toBinary(ModelProtoSchema, model);
}

async function main(): Promise<void> {
  const { threads, tokens, shapes } = readConfig<GemmConfig>();
  const started = performance.now();
  const products = await Promise.all(
    shapes.map(async ([inner, outer]) => ({
      session: await InferenceSession.create(productModel(tokens, [inner, outer]), {
        executionProviders: ["cpu"],
        intraOpNumThreads: threads,
        interOpNumThreads: 1,
      }),
      // Filled by the run, so that no time goes into getting memory.
      feeds: { x: new Tensor("float32", values(tokens * inner), [tokens, inner]) },
      fetches: { y: new Tensor("float32", new Float32Array(tokens * outer), [tokens, outer]) },
      flops: 2 * tokens * inner * outer,
    })),
  );
  const ready = { openMs: performance.now() - started, stepsPerPass: 1 };
  await serveSteps(ready, async (): Promise<GemmReply> => {
    const begun = performance.now();
    let gflops = 0;
    for (const { session, feeds, fetches, flops } of products) {
      await sleep(SPIN_MS);
      for (let repeat = 0; repeat < REPEATS; repeat++) {
        const start = performance.now();
        await session.run(feeds, fetches);
        gflops = Math.max(gflops, flops / 1e6 / (performance.now() - start));
      }
    }
    return { ms: performance.now() - begun, gflops };
  });
}

void main();
