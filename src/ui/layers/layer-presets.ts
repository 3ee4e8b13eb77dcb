/** Choices that have a name: which tensors each of them trains. */
import type { BaseTensor } from "./base-tensors.ts";
import type { LayerNode } from "./layer-nodes.ts";

export type Preset =
  | "head"
  | "last-blocks"
  | "all-but-embeddings"
  | "norms-and-biases"
  | "all"
  | "none";

interface PresetText {
  preset: Preset;
  label: string;
  detail: string;
}

/**
 * Those that make sense for what is shown: an adapter attaches to blocks only.
 * @param labelsRows whether a new head is trained anyway
 */
export function presetsFor(nodes: readonly LayerNode[], labelsRows = false): PresetText[] {
  const tied = !nodes.some(({ kind }) => kind === "head");
  const blocks = blockCount(nodes);
  const all: PresetText[] = [
    {
      preset: "head",
      label: "Head only",
      detail: tied
        ? "This model's head is its embedding (tied weights): the embedding is trained."
        : "The layer that turns the last hidden state into logits.",
    },
    {
      preset: "last-blocks",
      label: "Last blocks…",
      detail: `So many of the ${blocks} blocks at the end; nothing else.`,
    },
    {
      preset: "all-but-embeddings",
      label: "All but embeddings",
      detail: tied
        ? "Every block and the last norm; the embedding, which is the head too, stays."
        : "Every block, the last norm and the head.",
    },
    {
      preset: "norms-and-biases",
      label: "Norms and biases only",
      detail: "A few thousand parameters that scale and shift what the model does (BitFit).",
    },
    { preset: "all", label: "All", detail: "Full fine-tuning." },
    { preset: "none", label: "None", detail: "To tick by hand from nothing." },
  ];
  const onlyBlocks = nodes.every(({ kind }) => kind === "block");
  if (labelsRows && !onlyBlocks) return all.flatMap(besideNewHead);
  return onlyBlocks ? all.filter(({ preset }) => /blocks|^all$|none/u.test(preset)) : all;
}

/** The same choices where the head is a new one. */
function besideNewHead({ preset, label, detail }: PresetText): PresetText[] {
  switch (preset) {
    case "head":
      return [{ preset: "none", label, detail: "A linear probe: the base stays as it is." }];
    case "all-but-embeddings":
      return [{ preset, label, detail: "Every block, the last norm and the new head." }];
    case "none":
      return [];
    case "last-blocks":
    case "norms-and-biases":
    case "all":
      return [{ preset, label, detail }];
  }
}

export function blockCount(nodes: readonly LayerNode[]): number {
  return nodes.filter(({ kind }) => kind === "block").length;
}

/** @param blocks for "last-blocks": how many */
export function presetTensors(
  nodes: readonly LayerNode[],
  preset: Preset,
  blocks = 1,
): ReadonlySet<string> {
  const named = (chosen: readonly LayerNode[]) =>
    new Set(chosen.flatMap(({ tensors }) => tensors.map(({ name }) => name)));
  switch (preset) {
    case "head": {
      const heads = nodes.filter(({ kind }) => kind === "head");
      return named(heads.length > 0 ? heads : nodes.filter(({ kind }) => kind === "embeddings"));
    }
    case "last-blocks":
      return named(nodes.filter(({ kind }) => kind === "block").slice(-blocks));
    case "all-but-embeddings":
      return named(nodes.filter(({ kind }) => kind !== "embeddings"));
    case "norms-and-biases":
      return new Set(
        nodes
          .flatMap(({ tensors }) => tensors)
          .filter(isNormOrBias)
          .map(({ name }) => name),
      );
    case "all":
      return named(nodes);
    case "none":
      return new Set();
  }
}

function isNormOrBias({ shape, facts: { role } }: BaseTensor): boolean {
  return shape.length === 1 && (role === "norm" || role === "bias");
}
