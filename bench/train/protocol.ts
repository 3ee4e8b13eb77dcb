/**
 * How the controller talks to a worker process, which is ours or PyTorch's: JSON lines. A worker gets
 * the path of its configuration as its only argument, loads, and prints one `Ready`. For every line
 * `step` on its standard input it takes one optimizer step and prints one `StepReply`; when its
 * standard input ends, so does it.
 */

import type { Precision } from "../../src/protocol/engines/onnx.ts";

/** What a training worker is started with. `peer.py` reads the same file. */
export interface TrainConfig {
  modelDir: string;
  /** A `TrainData` as JSON. */
  dataFile: string;
  threads: number;
  rank: number;
  alpha: number;
  learningRate: number;
  /**
   * What products are computed in; what is trained, its optimizer and the loss are float32. bfloat16: ours through
   * OpenVINO, PyTorch under autocast.
   */
  precision: Precision;
  /** Ours: given to `openTrainingEngine` as they are, e.g. { memory: "balanced" }. */
  engine?: Readonly<Record<string, unknown>>;
  /** PyTorch only. */
  peer?: {
    compile?: boolean;
    gradientCheckpointing?: boolean;
    /** What base and adapter are held in. Left out: float32, and autocast rounds what it multiplies. */
    weights?: "bfloat16";
    /** Rows packed by TRL into sequences of `length` tokens, so many of them in a step. */
    packing?: { length: number; sequencesPerStep: number };
    /** TRL's loss, which projects only the tokens that count, instead of transformers'. */
    trlLoss?: boolean;
  };
}

export interface TrainData {
  rows: readonly { ids: readonly number[]; counted: readonly number[] }[];
  /** One pass: the row numbers of each step's one batch. */
  steps: readonly (readonly number[])[];
  /**
   * The last token of a row is only a label. Else, as transformers has it, the model runs over the
   * whole row and throws the last prediction away.
   */
  lastTokenIsLabelOnly: boolean;
}

export interface Ready {
  /** Milliseconds from the process's start to here. */
  ready: number;
  /** The part that reads the model, prepares it and creates the session. */
  openMs: number;
  /** Steps after which the data begins again. */
  stepsPerPass: number;
}

export interface StepReply {
  ms: number;
  /** Mean cross-entropy of the step's counted tokens, before the update. */
  loss: number;
  /** Positions of the batch, with what the side was given to pad it. */
  tokens: number;
  /** Tokens that counted. */
  usefulTokens: number;
  /** Largest resident memory of the process so far (VmHWM). */
  peakMb: number;
}

/** What a worker that measures matrix products is started with. */
export interface GemmConfig {
  threads: number;
  /** Tokens of a batch: the M of every product. */
  tokens: number;
  /** [K, N] of each product. */
  shapes: readonly (readonly [number, number])[];
  precision: Precision;
}

export interface GemmReply {
  ms: number;
  /** The best rate of any shape in this step. */
  gflops: number;
}
