/** What an import must know of a family: which config.json and which tensors of transformers a .gguf of it is. */
import type { DType } from "../tensors/dtype.ts";
import type { GgufHeader, GgufTensor } from "./header.ts";

export interface CheckpointTensor {
  /** transformers' name. */
  name: string;
  source: GgufTensor;
  /** The number of heads whose rows llama.cpp has interleaved, for queries and keys that are rotated by halves. */
  interleavedHeads: number | undefined;
}

export interface GgufCheckpoint {
  tensors: readonly CheckpointTensor[];
  /** What the file leaves out for it is zero. */
  zeros: readonly { name: string; dtype: DType; shape: readonly number[] }[];
}

export interface GgufModel {
  /** config.json as transformers writes it. */
  config: object;
  /** @throws InputError naming a tensor that is missing, has another shape, or is not called for */
  checkpoint: () => GgufCheckpoint;
}

export interface GgufFamily {
  /** `general.architecture`. */
  readonly name: string;
  /** Models that say so, for messages: "Llama, SmolLM". */
  readonly examples: string;
  /** @throws InputError naming the key or tensor that is missing, wrong or not supported */
  readonly open: (header: GgufHeader) => Promise<GgufModel>;
}
