/**
 * (IA)³ (arXiv 2205.05638): results of linear layers are scaled element by element, y = l∘(W·x + b);
 * of feed-forward layers the input is, y = W·(l∘x) + b. Names and shapes are PEFT's.
 */
import type { LinearHook, LinearLayer, NamedShape } from "../../graph/causal-lm.ts";
import type { Value } from "../../graph/graph.ts";

export interface Ia3Site {
  layer: LinearLayer;
  /** Scales the input. */
  isFeedForward: boolean;
}

function ia3Name(path: string): string {
  return `base_model.model.${path}.ia3_l`;
}

export function ia3Tensors(sites: readonly Ia3Site[]): NamedShape[] {
  return sites.map(({ layer, isFeedForward }) => ({
    name: ia3Name(layer.path),
    shape: isFeedForward ? [1, layer.inFeatures] : [layer.outFeatures, 1],
  }));
}

export function ia3Hook(sites: readonly Ia3Site[], tensor: (name: string) => Value): LinearHook {
  const byPath = new Map(sites.map((site) => [site.layer.path, site]));
  return (b, x, layers) =>
    layers.map(({ path, base, bias, product }) => {
      const site = byPath.get(path);
      if (!site) return base;
      const l = tensor(ia3Name(path));
      const { inFeatures, outFeatures } = site.layer;
      if (!site.isFeedForward) return b.mul(base, b.reshape(l, [outFeatures]));
      const scaled = product(b.mul(x, b.reshape(l, [inFeatures])));
      return bias ? b.add(scaled, bias) : scaled;
    });
}
