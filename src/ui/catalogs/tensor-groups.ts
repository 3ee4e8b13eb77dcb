/** A model's tensors as a tree: what stands alone (embedding, final norm, head), then its layers. */
import type { BlockOf } from "../../util/tensor-patterns.ts";
import { elementCount } from "../../util/element-count.ts";

export interface TensorRow {
  /** The checkpoint's own name, verbatim. */
  readonly name: string;
  /** The name without what its group already says. */
  readonly label: string;
  readonly dtype: string;
  readonly shape: readonly number[];
}

export interface LayerGroup {
  /** "model.layers.0" */
  readonly prefix: string;
  readonly index: number;
  readonly tensors: readonly TensorRow[];
  readonly parameters: number;
}

export interface TensorGroups {
  readonly loose: readonly TensorRow[];
  readonly layers: readonly LayerGroup[];
}

type Tensor = Omit<TensorRow, "label">;

export function groupTensors(tensors: Iterable<Tensor>, blockOf: BlockOf): TensorGroups {
  const loose: TensorRow[] = [];
  const layers = new Map<string, { index: number; tensors: TensorRow[]; parameters: number }>();
  for (const { name, dtype, shape } of tensors) {
    const block = blockOf(name);
    if (!block || block.inner === "") {
      loose.push({ name, label: name, dtype, shape });
      continue;
    }
    const { index, inner: label } = block;
    const prefix = `${block.stem}${index}`;
    const layer = layers.get(prefix) ?? { index, tensors: [], parameters: 0 };
    layer.tensors.push({ name, label, dtype, shape });
    layer.parameters += elementCount(shape);
    layers.set(prefix, layer);
  }
  return {
    loose: loose.toSorted((a, b) => a.name.localeCompare(b.name)),
    layers: [...layers]
      .map(([prefix, layer]) => ({ prefix, ...layer }))
      .toSorted((a, b) => a.prefix.localeCompare(b.prefix, "en", { numeric: true })),
  };
}
