/** A base model's tensors as the tree that is ticked: embeddings, blocks with their parts, norm, head. */
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

const BLOCK = /^((?:.*\.)?(?:layers|layer|h|blocks)\.(\d+))\.(.+)$/u;

const PARTS: readonly [label: string, fits: RegExp][] = [
  ["Norms", /^[^.]*(?:norm|ln)[^.]*(?:\.(?:weight|bias))?$/iu],
  ["Attention", /attn|attention/iu],
  ["MLP", /mlp|ffn|feed_forward|moe/iu],
];
/** Forward order, as a person thinks of a block. */
const PART_ORDER = ["Attention", "MLP", "Norms", "Other"];

/** @param isFlat where a block is chosen as a whole */
export function layerNodes(tensors: readonly BaseTensor[], isFlat = false): LayerNode[] {
  const blocks = new Map<string, { index: number; tensors: BaseTensor[] }>();
  const before: LayerNode[] = [];
  const after: LayerNode[] = [];
  for (const tensor of tensors) {
    const [, prefix, index] = BLOCK.exec(tensor.name) ?? [];
    if (prefix !== undefined) {
      const block = blocks.get(prefix) ?? { index: Number(index), tensors: [] };
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

/** For tokens, or for labels. */
export function isHeadTensor(name: string): boolean {
  return /lm_head|score|classifier/u.test(name);
}

/** What stands outside the blocks is one tensor each: a row that needs no opening. */
function looseNode(tensor: BaseTensor): LayerNode {
  const { name } = tensor;
  const [label, kind] = isHeadTensor(name)
    ? (["Head", "head"] as const)
    : /embed|wte|wpe/iu.test(name)
      ? (["Embeddings", "embeddings"] as const)
      : /norm|ln_f/iu.test(name)
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
    const inner = tensor.name.slice(prefix.length + 1);
    const part = PARTS.find(([, fits]) => fits.test(inner))?.[0] ?? "Other";
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
  const inner = BLOCK.exec(tensor.name)?.[3] ?? tensor.name;
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
