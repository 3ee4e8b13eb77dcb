/**
 * Writes a graph as an ONNX model. Weights are not copied: each is referenced as external data by
 * file, offset and length, so that the runtime maps the checkpoint itself.
 */
import type { Graph } from "../graph/graph.ts";
import { CONTRIB_FORMS } from "./contrib-forms.ts";
import { lowerNode } from "./lowering.ts";
import { type ExternalLocation, type OnnxModel, ModelWriter } from "./model-writer.ts";
import { separateSquareWeights } from "./square-weights.ts";
import { STANDARD_FORMS } from "./standard-forms.ts";

/** `contrib`: with ONNX Runtime's own operators. `standard`: for runtimes that know ONNX's alone. */
export type Dialect = "contrib" | "standard";

/** @param locate where a weight's bytes are; throws when the checkpoint has no such tensor. */
export function writeOnnxModel(
  graph: Graph,
  locate: (name: string) => ExternalLocation,
  dialect: Dialect = "contrib",
): OnnxModel {
  const forms = dialect === "contrib" ? CONTRIB_FORMS : STANDARD_FORMS;
  const writer = new ModelWriter();
  for (const constant of graph.constants) writer.addConstant(constant);
  for (const weight of graph.weights) writer.addWeight(weight, locate(weight.name));
  for (const node of graph.nodes) lowerNode(writer, node, forms);
  if (dialect === "contrib") return writer.finish(graph);
  const { nodes, twins } = separateSquareWeights(writer.nodes, graph);
  for (const { name, weight } of twins) writer.addWeight({ ...weight, name }, locate(weight.name));
  return writer.finish(graph, nodes);
}
