/** A checkpoint tensor as a value of the graph. */
import type { GraphBuilder } from "../graph/builder.ts";
import type { Shape } from "../graph/dim.ts";
import type { Value } from "../graph/graph.ts";
import type { ElementType } from "../graph/ops.ts";
import { BLOCK_SIZE } from "../tensors/quantise/block-codes.ts";
import { codesName, scalesName } from "../tensors/quantise/quantised-tensors.ts";
import { elementCount } from "../util/element-count.ts";

/** The tensor in its stored type, or, where it is stored in blocks of integers, in float32. */
export function storedWeight(
  b: GraphBuilder,
  { name, type, shape }: { name: string; type: ElementType; shape: Shape },
): Value {
  if (type !== "int8" && type !== "int4") return b.weight(name, type, shape);
  const blocks = elementCount(shape) / BLOCK_SIZE;
  const codes = b.weight(codesName(name), type, [blocks, BLOCK_SIZE]);
  const scales = b.weight(scalesName(name), "float16", [blocks]);
  return b.apply("Dequantize", [codes, scales], { shape });
}
