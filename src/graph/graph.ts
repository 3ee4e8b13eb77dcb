import type { Shape } from "./dim.ts";
import type { ElementType, OpAttributes, OpType } from "./ops.ts";

/** One tensor of the graph. Identity is the object: two values never share a name. */
export interface Value {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: Shape;
}

export interface NodeOf<T extends OpType> {
  readonly op: T;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly attributes: OpAttributes[T];
}

export type Node = { [T in OpType]: NodeOf<T> }[OpType];

/** A small tensor stored in the graph itself. */
export interface Constant {
  readonly value: Value;
  readonly data: Float32Array | BigInt64Array;
}

/** Plain data: nodes in an order in which every input is defined before it is used. */
export interface Graph {
  /** Fed at each run: batches, trainable tensors. */
  readonly inputs: readonly Value[];
  /** Frozen tensors, named as in the checkpoint; where their bytes are is the exporter's business. */
  readonly weights: readonly Value[];
  readonly constants: readonly Constant[];
  readonly nodes: readonly Node[];
  readonly outputs: readonly Value[];
}
