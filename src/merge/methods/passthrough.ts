import type { Method } from "./method.ts";

/**
 * W = scale · A: layers of one model or of several, one after the other ("frankenmerge"); which layers, the
 * slices of the configuration say. In mergekit a `scale` on some modules (0 on o_proj and down_proj) makes
 * doubled layers do nothing at first, as in LLaMA Pro, arXiv 2401.02415.
 */
export const passthrough: Method = {
  copies: ({ scale }) => (scale[0] === 1 ? 0 : undefined),
  combine: ({ models: [values = new Float32Array()] }, { parameters: { scale } }) =>
    Float64Array.from(values, (value) => scale[0]! * value),
};
