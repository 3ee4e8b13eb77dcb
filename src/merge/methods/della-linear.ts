import { dellaMethod } from "./della-mask.ts";

/** As della (arXiv 2406.11617), without the election: W = base + λ · Σ wᵢ·sᵢ·mᵢ⊙δᵢ; `normalize` is off, as in mergekit. */
export const dellaLinear = dellaMethod("linear");
