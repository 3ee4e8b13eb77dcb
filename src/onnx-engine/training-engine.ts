import type { Adapter } from "../methods/method.ts";
import type { Classifier } from "../adapter-files/classifier-head.ts";
import type { SavingEngine } from "../objectives/engine.ts";
import type { Device } from "./device.ts";
import type { PlannedMemory } from "./step-form.ts";

/** What is known of the built-in engine beyond what training asks of any. */
export interface OnnxTrainingEngine extends SavingEngine {
  /** What the head labels, where it is a classification head. */
  readonly classifier: Classifier | undefined;
  /** Where the training step really runs. */
  readonly device: Device;
  /** What the method adds to the base. */
  readonly adapter: Adapter | undefined;
  /** What the memory dial came to; undefined where a plan was given, or nothing is trained. */
  readonly memory: PlannedMemory | undefined;
}
