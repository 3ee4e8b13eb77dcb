import type { CausalLm } from "../graph/causal-lm.ts";

/** A model type that is computed; `families/` says of the same name what its tensors are. */
export interface Model {
  /** config.json's `model_type`. */
  readonly name: string;
  /**
   * @param json parsed config.json
   * @param file its path, for messages
   * @throws InputError naming the key that is missing, wrong or not supported
   */
  readonly open: (json: unknown, file: string) => CausalLm;
}
