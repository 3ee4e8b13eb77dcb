/**
 * Representation fine-tuning (arXiv 2404.03592): a low-rank edit of the residual stream after a
 * block, at the first and last tokens of the prompt. With h [I,C], rotate R [C,r], weight W [r,C] and
 * bias b [r], as pyreft's interventions compute it:
 *
 *   LoReFT  h' = h + (h·Wᵀ + b − h·R)·Rᵀ, R's columns orthonormal
 *   NoReFT  the same, R unconstrained
 *   DiReFT  h' = h + (h·Wᵀ + b)·Rᵀ, R's columns orthonormal
 *
 * Dropout falls on h' whole, as pyreft's does.
 */
import type { GraphBuilder } from "../../graph/builder.ts";
import type { NamedShape } from "../../graph/causal-lm.ts";
import type { Value } from "../../graph/graph.ts";

export type ReftKind = "loreft" | "direft" | "noreft";
/** Which of the prompt's positions an intervention edits: all that are named, or one end's. */
export type ReftEnd = "all" | "first" | "last";

export interface ReftIntervention {
  /** 0-based block whose result is edited. */
  layer: number;
  /** Its number among those of its layer. */
  unit: number;
  end: ReftEnd;
  rank: number;
}

export interface ReftSettings {
  kind: ReftKind;
  interventions: readonly ReftIntervention[];
  /** So many tokens at the prompt's start and at its end. */
  positions: { first: number; last: number };
  /** C. */
  width: number;
  dropout: number;
}

function reftNames({
  layer,
  unit,
}: ReftIntervention): Record<"rotate" | "weight" | "bias", string> {
  const stem = `layers.${layer}.${unit}`;
  return { rotate: `${stem}.rotate`, weight: `${stem}.weight`, bias: `${stem}.bias` };
}

export function reftTensors({ interventions, width }: ReftSettings): NamedShape[] {
  return interventions.flatMap((one) => {
    const { rotate, weight, bias } = reftNames(one);
    return [
      { name: rotate, shape: [width, one.rank] },
      { name: weight, shape: [one.rank, width] },
      { name: bias, shape: [one.rank] },
    ];
  });
}

/** Tensors whose columns stay orthonormal. */
export function orthonormalTensors({ kind, interventions }: ReftSettings): string[] {
  return kind === "noreft" ? [] : interventions.map((one) => reftNames(one).rotate);
}

interface ReftContext {
  b: GraphBuilder;
  tensor: (name: string) => Value;
  /** Flat indices [I] int64 of the named tokens at an end; none twice. */
  tokens: (end: ReftEnd) => Value;
  dropoutMask?: ((site: number, like: Value) => Value) | undefined;
}

/** The edit after a block, or undefined where there is none. x [N,C] → [N,C]. */
export function reftEdit(
  { kind, interventions }: ReftSettings,
  context: ReftContext,
): (layer: number) => ((x: Value) => Value) | undefined {
  const { b, tensor, tokens, dropoutMask } = context;
  return (layer) => {
    const here = interventions.flatMap((one, site) => (one.layer === layer ? [{ one, site }] : []));
    if (here.length === 0) return undefined;
    return (x) =>
      here.reduce((stream, { one, site }) => {
        const names = reftNames(one);
        const [rotate, weight] = [tensor(names.rotate), tensor(names.weight)];
        const at = tokens(one.end);
        const h = b.apply("GatherRows", [stream, at], {});
        const source = b.gemm(h, weight, { c: tensor(names.bias), transB: true });
        const edit = kind === "direft" ? source : b.sub(source, b.gemm(h, rotate));
        const change = b.gemm(edit, rotate, { transB: true });
        const kept = dropoutMask ? b.sub(b.mul(b.add(h, change), dropoutMask(site, h)), h) : change;
        return b.add(stream, b.apply("ScatterAddRows", [at, kept, stream], {}));
      }, x);
  };
}
