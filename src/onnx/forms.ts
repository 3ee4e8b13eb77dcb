/**
 * What the two runtimes are given differently: ONNX Runtime has fused operators of its own (`com.microsoft`), OpenVINO
 * fuses plain ones itself. Everything else is lowered alike (lowering.ts).
 */
import type { NodeOf } from "../graph/graph.ts";
import type { ModelWriter } from "./model-writer.ts";

export interface Product {
  left: string;
  right: string;
  transA: boolean;
  transB: boolean;
  alpha: number;
  /** Left out: a fresh name. */
  output?: string | undefined;
}

export interface Forms {
  /** alpha·op(left)·op(right) over a shared leading batch, [P,M,K] × [P,K,N]. Returns the result's name. */
  product: (writer: ModelWriter, product: Product) => string;
  rmsNorm: (writer: ModelWriter, node: NodeOf<"RmsNorm">) => void;
  rope: (writer: ModelWriter, node: NodeOf<"Rope">) => void;
  /** x·sigmoid(x). */
  silu: (writer: ModelWriter, x: string, output: string) => void;
}
