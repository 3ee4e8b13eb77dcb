import { dareMethod } from "./dare.ts";

/**
 * As dare-linear, but joined by TIES' sign election (arXiv 2306.01708): W = base + λ · Σ of those wᵢ·sᵢ·mᵢ⊙δᵢ
 * that have the sign of their sum. arXiv 2311.03099.
 *
 * Mask, `rescale` and seed as there. `normalize` is off, as in mergekit; switched on, each element is divided
 * by the weights of those that were elected.
 */
export const dareTies = dareMethod("ties");
