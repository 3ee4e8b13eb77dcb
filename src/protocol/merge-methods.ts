/**
 * The merge methods in words: what a list of them, the command's help and the check of a configuration need.
 * Their arithmetic is in merge/methods, one file each. Parameters are mergekit's, and so are their defaults; where
 * names have `-` mergekit writes `_`.
 */

export interface ParameterWords {
  kind: "number" | "flag";
  /** Whether each model has its own (the base none), or the slice's and the file's holds for all. */
  of: "each model" | "all";
  text: string;
  /** What a wizard proposes where the method has no number of its own for it; left out, it does not ask. */
  proposal?: number;
}

type Words<Kind, Of> = { kind: Kind; of: Of; text: string };
const each = (text: string): Words<"number", "each model"> => ({
  kind: "number",
  of: "each model",
  text,
});
const shared = (text: string): Words<"number", "all"> => ({ kind: "number", of: "all", text });
const flag = (text: string): Words<"flag", "all"> => ({ kind: "flag", of: "all", text });

export const MERGE_PARAMETERS = {
  weight: { ...each("how much of the model"), proposal: 1 },
  density: {
    ...each("share of the task vector that is kept; 0 none, 1 and above all"),
    proposal: 0.5,
  },
  scale: each("factor of the values that are passed through"),
  gamma: {
    ...each("share of the task vector that is dropped for being largest"),
    proposal: 0.01,
  },
  epsilon: each("how far the chance to be kept rises and falls around density"),
  t: { ...shared("0 is the base, 1 the other model"), proposal: 0.5 },
  lambda: shared("factor of the whole change"),
  select_topk: {
    ...shared("share of the elements that is kept, where the models differ most"),
    proposal: 0.1,
  },
  max_iter: shared("steps at most"),
  tol: shared("step below which the mean stands"),
  eps: shared("what keeps lengths of zero from being divided by"),
  normalize: flag("divide by the sum of the weights"),
  rescale: flag("make up for what is dropped, by the L1 norm"),
  filter_wise: flag("each row by itself, not the tensor as one vector"),
  nuslerp_flatten: flag("the tensor as one vector, not each row"),
  nuslerp_row_wise: flag("each column by itself, where nuslerp_flatten is off"),
  normalize_weights: flag("make the sum of the weights 1"),
} as const satisfies Record<string, ParameterWords>;

export type MergeParameterName = keyof typeof MERGE_PARAMETERS;

export interface MethodWords {
  /** As a card calls it. */
  title: string;
  description: string;
  /** Where it is described. */
  paper?: string;
  /** Whether there is a model that the others are differences to, or of slerp's kind the first end. */
  base: "needed" | "optional" | "none";
  /** How many models it takes, the base not counted. */
  models: { min: number; max: number };
  /** What it reads, with the value where the configuration is silent; "needed" where it must not be. */
  parameters: Readonly<Partial<Record<MergeParameterName, number | boolean | "needed">>>;
  /** The least that the arithmetic takes. */
  least?: Readonly<Partial<Record<MergeParameterName, number>>>;
  /** What a wizard proposes in place of the parameter's own. */
  proposals?: Readonly<Partial<Record<MergeParameterName, { value: number; text: string }>>>;
  /** Whether a seed decides what comes out. */
  isRandom?: boolean;
}

const TASK_VECTORS = {
  base: "needed",
  models: { min: 1, max: Infinity },
} as const;
const SPARSE = { weight: "needed", density: 1, lambda: 1 } as const;
/** A chance is drawn by it. */
const BY_CHANCE = { ...TASK_VECTORS, isRandom: true, least: { density: 0 } } as const;
const PAIR = { base: "needed", models: { min: 1, max: 1 } } as const;

export const MERGE_METHODS = {
  linear: {
    title: "linear",
    description: "weighted mean",
    paper: "https://arxiv.org/abs/2203.05482",
    base: "none",
    models: { min: 1, max: Infinity },
    parameters: { weight: "needed", normalize: true },
  },
  slerp: {
    ...PAIR,
    title: "SLERP",
    description: "along the arc between two models",
    paper: "https://doi.org/10.1145/325334.325242",
    parameters: { t: "needed" },
  },
  nuslerp: {
    title: "NuSLERP",
    description: "along the arc between two models or two task vectors, by weights",
    paper: "https://doi.org/10.1145/325334.325242",
    base: "optional",
    models: { min: 2, max: 2 },
    parameters: { weight: "needed", nuslerp_flatten: true, nuslerp_row_wise: false },
  },
  multislerp: {
    title: "Multi-SLERP",
    description: "weighted mean of directions, and of lengths",
    paper: "https://goddard.blog/posts/multislerp-wow-what-a-cool-idea",
    base: "optional",
    models: { min: 1, max: Infinity },
    parameters: { weight: "needed", normalize_weights: true, eps: 1e-8 },
  },
  karcher: {
    title: "Karcher mean",
    description: "mean of directions on the sphere, and of lengths",
    paper: "https://arxiv.org/abs/2603.04972",
    base: "none",
    models: { min: 1, max: Infinity },
    parameters: { max_iter: 10, tol: 1e-5 },
  },
  "task-arithmetic": {
    ...TASK_VECTORS,
    title: "task arithmetic",
    description: "base plus weighted task vectors",
    paper: "https://arxiv.org/abs/2212.04089",
    parameters: { weight: "needed", lambda: 1, normalize: false },
  },
  ties: {
    ...TASK_VECTORS,
    title: "TIES",
    description: "task vectors trimmed, signs elected",
    paper: "https://arxiv.org/abs/2306.01708",
    parameters: { ...SPARSE, normalize: true, rescale: false },
  },
  "dare-linear": {
    ...BY_CHANCE,
    title: "DARE linear",
    description: "task vectors thinned at random",
    paper: "https://arxiv.org/abs/2311.03099",
    parameters: { ...SPARSE, normalize: false, rescale: true },
  },
  "dare-ties": {
    ...BY_CHANCE,
    title: "DARE ties",
    description: "task vectors thinned at random, signs elected",
    paper: "https://arxiv.org/abs/2311.03099",
    parameters: { ...SPARSE, normalize: false, rescale: true },
  },
  della: {
    ...TASK_VECTORS,
    title: "DELLA",
    description: "task vectors thinned at random, small ones more often, signs elected",
    paper: "https://arxiv.org/abs/2406.11617",
    parameters: { ...SPARSE, epsilon: 0.15, normalize: true, rescale: true },
    isRandom: true,
  },
  "della-linear": {
    ...TASK_VECTORS,
    title: "DELLA linear",
    description: "task vectors thinned at random, small ones more often",
    paper: "https://arxiv.org/abs/2406.11617",
    parameters: { ...SPARSE, epsilon: 0.15, normalize: false, rescale: true },
    isRandom: true,
  },
  breadcrumbs: {
    ...TASK_VECTORS,
    title: "Model Breadcrumbs",
    description: "task vectors without their smallest and largest elements",
    paper: "https://arxiv.org/abs/2312.06795",
    parameters: { ...SPARSE, gamma: 0.01, normalize: false, rescale: false },
  },
  "breadcrumbs-ties": {
    ...TASK_VECTORS,
    title: "Model Breadcrumbs with TIES",
    description: "task vectors without their smallest and largest elements, signs elected",
    paper: "https://arxiv.org/abs/2312.06795",
    parameters: { ...SPARSE, gamma: 0.01, normalize: false, rescale: false },
  },
  sce: {
    ...TASK_VECTORS,
    title: "SCE",
    description: "what differs most among the models, weighted by its size, signs elected",
    paper: "https://arxiv.org/abs/2408.07990",
    parameters: { select_topk: 1 },
  },
  "model-stock": {
    title: "Model Stock",
    description: "mean of fine-tunes, drawn to the base as far as they disagree",
    paper: "https://arxiv.org/abs/2403.19522",
    base: "needed",
    models: { min: 2, max: Infinity },
    parameters: { filter_wise: false },
  },
  nearswap: {
    ...PAIR,
    title: "NearSwap",
    description: "the other model's values where they are near the base's",
    paper: "https://huggingface.co/alchemonaut/QuartetAnemoi-70B-t0.0001",
    parameters: { t: "needed" },
    proposals: { t: { value: 0.0001, text: "how far a value may move" } },
  },
  "arcee-fusion": {
    ...PAIR,
    title: "Arcee Fusion",
    description: "the other model's values where the change matters most",
    paper: "https://www.arcee.ai",
    parameters: {},
  },
  passthrough: {
    title: "passthrough",
    description: "layers of one model or of several, one after the other",
    paper: "https://arxiv.org/abs/2401.02415",
    base: "none",
    models: { min: 1, max: 1 },
    parameters: { scale: 1 },
  },
  "model-soup": {
    title: "model soup",
    description: "plain mean of fine-tunes",
    paper: "https://arxiv.org/abs/2203.05482",
    base: "none",
    models: { min: 1, max: Infinity },
    parameters: {},
  },
} as const satisfies Record<string, MethodWords>;

export type MethodName = keyof typeof MERGE_METHODS;

export const METHOD_NAMES = Object.keys(MERGE_METHODS) as [MethodName, ...MethodName[]];

export function methodWords(name: MethodName): MethodWords {
  return MERGE_METHODS[name];
}

/** What a person is asked for each method: the numbers that its result depends on most. */
export function askedParameters(
  method: MethodName,
): { name: MergeParameterName; of: ParameterWords["of"]; text: string; proposal: number }[] {
  const { parameters, proposals } = methodWords(method);
  return (Object.keys(parameters) as MergeParameterName[]).flatMap((name) => {
    const { of, text, proposal }: ParameterWords = MERGE_PARAMETERS[name];
    if (proposal === undefined) return [];
    const own = proposals?.[name];
    return { name, of, text: own?.text ?? text, proposal: own?.value ?? proposal };
  });
}
