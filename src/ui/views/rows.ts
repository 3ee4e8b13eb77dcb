/** What the trees hand to commands: a row is one of these, and a command tells them apart by `kind`. */
import type { EvaluationFile } from "../../runs/evaluations.ts";
import type { Run } from "../../run-folder/run.ts";
import type { Interpolation } from "../../runs/interpolations/interpolation.ts";
import type { AdapterEntry } from "../catalogs/adapter-catalog.ts";
import type { ModelEntry } from "../catalogs/model-catalog.ts";
import type { LayerGroup, TensorRow } from "../catalogs/tensor-groups.ts";

export interface RunGroupRow {
  kind: "runGroup";
  label: string;
  runs: readonly Run[];
}
export interface RunRow {
  kind: "run";
  runDir: string;
  run: Run;
}
export interface InterpolationGroupRow {
  kind: "interpolationGroup";
  interpolations: readonly Interpolation[];
}
export interface InterpolationRow {
  kind: "interpolation";
  interpolationDir: string;
  interpolation: Interpolation;
}
export interface EvaluationGroupRow {
  kind: "evaluationGroup";
  evaluations: readonly EvaluationFile[];
}
export interface EvaluationRow {
  kind: "evaluation";
  evaluation: EvaluationFile;
}
export interface ModelRow {
  kind: "model";
  model: ModelEntry;
}
export interface LayerRow {
  kind: "layer";
  model: ModelEntry;
  group: LayerGroup;
}
export interface TensorLeaf {
  kind: "tensor";
  model: ModelEntry;
  tensor: TensorRow;
}
export interface AdapterGroupRow {
  kind: "adapterGroup";
  /** What the adapters name as their base; "" where they name none. */
  base: string;
  adapters: readonly AdapterEntry[];
}
export interface AdapterRow {
  kind: "adapter";
  adapter: AdapterEntry;
}

type Row =
  | RunGroupRow
  | RunRow
  | InterpolationGroupRow
  | InterpolationRow
  | EvaluationGroupRow
  | EvaluationRow
  | ModelRow
  | LayerRow
  | TensorLeaf
  | AdapterGroupRow
  | AdapterRow;

/** A command's argument as a row, when it came from one of our trees. */
export function asRow(argument: unknown): Row | undefined {
  const isRow = typeof argument === "object" && argument !== null && "kind" in argument;
  return isRow ? (argument as Row) : undefined;
}
