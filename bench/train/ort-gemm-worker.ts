/** The rate of ONNX Runtime's matrix product on a case's shapes. */
import { InferenceSession, Tensor } from "onnxruntime-node";
import { serveProducts } from "./gemm-loop.ts";
import { productModel, productValues } from "./product-model.ts";
import type { GemmConfig } from "./protocol.ts";
import { readConfig } from "./worker-loop.ts";

const { threads, tokens, shapes } = readConfig<GemmConfig>();

void serveProducts(() =>
  Promise.all(
    shapes.map(async ([inner, outer]) => {
      const session = await InferenceSession.create(productModel(tokens, [inner, outer]), {
        executionProviders: ["cpu"],
        intraOpNumThreads: threads,
        interOpNumThreads: 1,
      });
      // Filled by the run, so that no time goes into getting memory.
      const y = new Float32Array(tokens * outer);
      const fetches = { x1: new Tensor("float32", y, [tokens, outer]) };
      const x = productValues(tokens * inner);
      const feeds = { x0: new Tensor("float32", x, [tokens, inner]) };
      return { run: () => session.run(feeds, fetches), flops: 2 * tokens * inner * outer };
    }),
  ),
);
