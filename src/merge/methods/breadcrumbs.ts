import { breadcrumbsMethod } from "./breadcrumbs-mask.ts";

/**
 * W = base + λ · Σ wᵢ·mᵢ⊙(Wᵢ − base). arXiv 2312.06795. Sorted by size, of each task vector's n elements in a tensor
 * the largest ⌊gamma · n⌋ are dropped, the next ⌊density · n⌋ kept, the rest dropped too.
 *
 * As in mergekit fewer outliers are dropped where density leaves no room for them, at density 1 none, and the
 * sum is divided by Σ wᵢ with `normalize` (off). Of equal magnitudes at a cut the first in the tensor count as
 * the larger; mergekit's choice is PyTorch's.
 */
export const breadcrumbs = breadcrumbsMethod("linear");
