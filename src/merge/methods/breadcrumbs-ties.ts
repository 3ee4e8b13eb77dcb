import { breadcrumbsMethod } from "./breadcrumbs-mask.ts";

/**
 * As breadcrumbs (arXiv 2312.06795), but joined by TIES' sign election (arXiv 2306.01708): W = base + λ · Σ of those
 * wᵢ·mᵢ⊙δᵢ that have the sign of their sum. `normalize` is off, as in mergekit.
 */
export const breadcrumbsTies = breadcrumbsMethod("ties");
