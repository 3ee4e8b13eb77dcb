/** PEFT's methods that Retune does not compute: what each is in a few words, and the way out. */
import { InputError } from "../../util/errors.ts";
import { PEFT_KINDS } from "./kinds.ts";

/** Those whose change is in weights, so that PEFT can merge them. */
const IN_WEIGHTS = new Map(
  Object.entries({
    ADALORA: "AdaLoRA, LoRA with singular values and ranks that training spreads",
    BOFT: "BOFT, butterfly rotations of weights",
    OFT: "OFT, rotations of weights",
    HRA: "HRA, reflections of weights",
    LOHA: "LoHa, a Hadamard product of two low-rank products",
    LOKR: "LoKr, a Kronecker product of two small matrices",
    LN_TUNING: "LN tuning, layer norms that were trained whole",
    VERA: "VeRA, shared random factors with trained scales",
    VBLORA: "VB-LoRA, factors out of a shared bank of vectors",
    FOURIERFT: "FourierFT, a change of weights in the frequency domain",
    MISS: "MiSS, a low-rank change out of shared shards",
    RANDLORA: "RandLoRA, a sum of random factors with trained scales",
    ROAD: "RoAd, rotations of a layer's results in pairs",
    HIRA: "HiRA, LoRA multiplied into the weight",
    SHIRA: "SHiRA, a sparse change of weights",
    C3A: "C3A, circular convolutions",
    TRAINABLE_TOKENS: "embeddings of single tokens that were trained",
  }),
);
/** Those that are no weights of the base. */
const BESIDE_WEIGHTS = new Map(
  Object.entries({
    MULTITASK_PROMPT_TUNING: "multitask prompt tuning, virtual tokens of several tasks",
    CPT: "CPT, virtual tokens with a mask for each",
    ADAPTION_PROMPT: "adaption prompts (LLaMA-Adapter), which attention mixes in behind a gate",
    POLY: "Poly, a routed mixture of LoRA modules",
    XLORA: "X-LoRA, a routed mixture of LoRA adapters",
  }),
);

/** For whoever looks for a type among those that are computed. */
export function unsupportedType(file: string, type: string): InputError {
  const known = `Retune computes ${listed(PEFT_KINDS.all)}`;
  const inWeights = IN_WEIGHTS.get(type);
  if (inWeights !== undefined) {
    return new InputError(
      `${file}: peft_type is ${type} (${inWeights}); ${known}. Merge it into its base with PEFT (merge_and_unload) and use the merged model`,
    );
  }
  const beside = BESIDE_WEIGHTS.get(type);
  const what = beside === undefined ? "" : ` (${beside}, which no weight of the base can hold)`;
  return new InputError(
    `${file}: peft_type is ${JSON.stringify(type)}${what}; ${known}. Use it with PEFT, or train again by one of these`,
  );
}

/** For a merge: virtual tokens are computed, but are in no weight. @param mergeable those that are */
export function unmergeableType(
  file: string,
  type: string,
  mergeable: readonly { name: string }[],
): InputError {
  if (!PEFT_KINDS.find(type)) return unsupportedType(file, type);
  return new InputError(
    `${file}: peft_type is ${JSON.stringify(type)}; what virtual tokens do is in no weight of the base: only ${listed(mergeable)} can be merged. Give it to eval and generate beside its base with --adapter`,
  );
}

/** "LORA, IA3 and P_TUNING" */
function listed(all: readonly { name: string }[]): string {
  const names = all.map(({ name }) => name);
  const [last, ...before] = names.toReversed();
  return before.length > 0 ? `${before.toReversed().join(", ")} and ${last}` : (last ?? "none");
}
