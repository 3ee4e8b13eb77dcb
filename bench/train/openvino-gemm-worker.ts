/** The rate of OpenVINO's matrix products in bfloat16 on a case's shapes. */
import { OpenvinoCore } from "../../src/openvino/core.ts";
import { locateOpenvino } from "../../src/openvino/locate.ts";
import { serveProducts } from "./gemm-loop.ts";
import { productModel, productValues } from "./product-model.ts";
import type { GemmConfig } from "./protocol.ts";
import { readConfig } from "./worker-loop.ts";

/** Products in a row: what the first is fed and the last gives is float32, and rounding it takes time. */
const PRODUCTS = 8;

async function openProducts() {
  const { threads, tokens, shapes } = readConfig<GemmConfig>();
  const runtime = await locateOpenvino({ log: console.error });
  if (!runtime) throw new Error("OpenVINO is not installed (retune install openvino)");
  const core = await OpenvinoCore.open(runtime);
  const products = [];
  for (const [inner, outer] of shapes) {
    const properties = {
      INFERENCE_PRECISION_HINT: "bf16",
      PERFORMANCE_HINT: "LATENCY",
      NUM_STREAMS: "1",
      INFERENCE_NUM_THREADS: String(threads),
    };
    const onnx = productModel(tokens, [inner, outer], PRODUCTS);
    const model = await core.compile(onnx, { device: "CPU", properties, weightsDir: "." });
    model.feed("x0", productValues(tokens * inner), [tokens, inner]);
    products.push({ run: () => model.infer(), flops: PRODUCTS * 2 * tokens * inner * outer });
  }
  return products;
}

void serveProducts(openProducts);
