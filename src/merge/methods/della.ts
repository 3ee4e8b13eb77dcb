import { dellaMethod } from "./della-mask.ts";

/**
 * Drop, elect, fuse. arXiv 2406.11617. W = base + λ · Σ of those wᵢ·sᵢ·mᵢ⊙δᵢ, δᵢ = Wᵢ − base, that have the sign of their
 * sum; mᵢ a random mask that keeps an element with probability density ± epsilon, by its rank in its row.
 *
 * As in mergekit sᵢ (`rescale`, on) is the L1 norm's ratio and the result is divided by the weights of those
 * elected (`normalize`, on; the paper rescales each element by its own probability). density ± epsilon must be
 * between 0 and 1. Random numbers: as DARE's, see dare-linear.ts; not mergekit's, which are PyTorch's.
 */
export const della = dellaMethod("ties");
