import { dareMethod } from "./dare.ts";

/**
 * W = base + λ · Σ wᵢ·sᵢ·mᵢ⊙(Wᵢ − base), mᵢ a random mask that keeps each element with probability density.
 * arXiv 2311.03099.
 *
 * With `rescale` (on unless said otherwise) sᵢ is what mergekit makes it, Σ|δᵢ| / Σ|mᵢ⊙δᵢ| of the tensor: about
 * the paper's 1/density, and exact in the L1 norm. `normalize` (divide by Σ wᵢ) is off, as in mergekit.
 *
 * Random numbers: Philox4x32-10, see philox.ts. Its key is the first 8 bytes, as two little-endian words, of
 * SHA-256 of `seed NUL tensor's name in the output NUL index of the model`: the same seed gives the same
 * masks, whatever the machine, threads and the other tensors. mergekit's masks are PyTorch's, not these.
 */
export const dareLinear = dareMethod("linear");
