/** A base model's tensors as the tree that is ticked: embeddings, blocks with their parts, norm, head. */
import type { BlockPart } from "../../protocol/tensor-facts.ts";
import type { BaseTensor } from "./base-tensors.ts";

export type NodeKind = "embeddings" | "block" | "part" | "norm" | "head" | "other" | "tensor";

export interface LayerNode {
  /** "model.layers.3/Attention"; a tensor's is its name. */
  readonly id: string;
  readonly label: string;
  readonly kind: NodeKind;
  /** All tensors at and below it. */
  readonly tensors: readonly BaseTensor[];
  readonly parameters: number;
  readonly children: readonly LayerNode[];
}

const PARTS: Readonly<Record<BlockPart, string>> = {
  norms: "Norms",
  attention: "Attention",
  "feed-forward": "MLP",
};
/** Forward order, as a person thinks of a block. */
const PART_ORDER = ["Attention", "MLP", "Norms", "Other"];

/** @param isFlat where a block is chosen as a whole */
export function layerNodes(tensors: readonly BaseTensor[], isFlat = false): LayerNode[] {
  const blocks = new Map<string, { index: number; tensors: BaseTensor[] }>();
  const before: LayerNode[] = [];
  const after: LayerNode[] = [];
  for (const tensor of tensors) {
    const place = tensor.facts.block;
    if (place && place.inner !== "") {
      const { stem, index } = place;
      const prefix = `${stem}${index}`;
      const block = blocks.get(prefix) ?? { index, tensors: [] };
      blocks.set(prefix, block);
      block.tensors.push(tensor);
      continue;
    }
    const node = looseNode(tensor);
    (node.kind === "embeddings" ? before : after).push(node);
  }
  const order: NodeKind[] = ["norm", "other", "head"];
  return [
    ...before,
    ...[...blocks]
      .toSorted(([a], [b]) => a.localeCompare(b, "en", { numeric: true }))
      .map(([prefix, block]) => blockNode(prefix, block, blocks.size))
      .map((node) => (isFlat ? { ...node, children: [] } : node)),
    ...after.toSorted((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind)),
  ];
}

/** What stands outside the blocks is one tensor each: a row that needs no opening. */
function looseNode(tensor: BaseTensor): LayerNode {
  const { name, facts } = tensor;
  const [label, kind] =
    facts.moduleRole === "head"
      ? (["Head", "head"] as const)
      : facts.isBeforeBlocks
        ? (["Embeddings", "embeddings"] as const)
        : facts.part === "norms"
          ? (["Last norm", "norm"] as const)
          : ([name, "other"] as const);
  return { ...sum([tensor]), id: name, label, kind, children: [] };
}

function blockNode(
  prefix: string,
  { index, tensors }: { index: number; tensors: readonly BaseTensor[] },
  blocks: number,
): LayerNode {
  const parts = new Map<string, BaseTensor[]>();
  for (const tensor of tensors) {
    const part = tensor.facts.part === undefined ? "Other" : PARTS[tensor.facts.part];
    parts.set(part, [...(parts.get(part) ?? []), tensor]);
  }
  const children = [...parts]
    .toSorted(([a], [b]) => PART_ORDER.indexOf(a) - PART_ORDER.indexOf(b))
    .map(([label, inPart]): LayerNode => {
      const id = `${prefix}/${label}`;
      return { ...sum(inPart), id, label, kind: "part", children: inPart.map(tensorNode) };
    });
  // The names count from 0, so the label does too; the last one is said, as it is asked for most.
  const label = `Block ${index}${index === blocks - 1 && blocks > 1 ? " (last)" : ""}`;
  return { ...sum(tensors), id: prefix, label, kind: "block", children };
}

function tensorNode(tensor: BaseTensor): LayerNode {
  const inner = tensor.facts.block?.inner ?? tensor.name;
  const parts = inner.replace(/\.weight$/u, "").split(".");
  // "self_attn.q_proj" stands below Attention already.
  const label = parts.length > 1 ? parts.slice(1).join(".") : (parts[0] ?? inner);
  return { ...sum([tensor]), id: tensor.name, label, kind: "tensor", children: [] };
}

function sum(tensors: readonly BaseTensor[]): Pick<LayerNode, "tensors" | "parameters"> {
  return { tensors, parameters: tensors.reduce((total, { parameters }) => total + parameters, 0) };
}

/** How many of a node's tensors are trained. */
export function trainedIn(node: LayerNode, trained: ReadonlySet<string>): number {
  return node.tensors.filter(({ name }) => trained.has(name)).length;
}
