/**
 * Writes a graph as an ONNX model. Weights are not copied: each is referenced as external data by
 * file, offset and length, so that ONNX Runtime maps the checkpoint itself.
 */
import type { Graph } from "../graph/graph.ts";
import { lowerNode } from "./lowering.ts";
import { type ExternalLocation, type OnnxModel, ModelWriter } from "./model-writer.ts";

/** @param locate where a weight's bytes are; throws when the checkpoint has no such tensor. */
export function writeOnnxModel(
  graph: Graph,
  locate: (name: string) => ExternalLocation,
): OnnxModel {
  const writer = new ModelWriter();
  for (const constant of graph.constants) writer.addConstant(constant);
  for (const weight of graph.weights) writer.addWeight(weight, locate(weight.name));
  for (const node of graph.nodes) lowerNode(writer, node);
  return writer.finish(graph);
}
