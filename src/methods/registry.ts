/** What methods compute: one line each. What the editor knows of them is listed in src/protocol/methods.ts. */
import type { Examples } from "../data/example.ts";
import type { AnyMethod } from "../protocol/method.ts";
import { Registry } from "../util/registry.ts";
import { freeze } from "./freeze/freeze.ts";
import { full } from "./full/full.ts";
import { head } from "./head/head.ts";
import { ia3 } from "./ia3/method.ts";
import { lora } from "./lora/method.ts";
import type { AdapterReader, TrainingMethod } from "./method.ts";
import { prefixTuning } from "./prefix-tuning/prefix-tuning.ts";
import { promptTuning } from "./prompt-tuning/prompt-tuning.ts";
import { direft, loreft, noreft } from "./reft/method.ts";

export const TRAINING_METHODS = new Registry<TrainingMethod>("method", [
  lora,
  ia3,
  promptTuning,
  prefixTuning,
  loreft,
  direft,
  noreft,
  freeze,
  head,
  full,
]);

export function adapterReaders(): readonly AdapterReader[] {
  return TRAINING_METHODS.all.flatMap(({ reader }) => reader ?? []);
}

/**
 * What the training rows decide of a method, decided.
 * @throws InputError for rows that it can't be trained on
 */
export function methodForRows<M extends AnyMethod>(
  method: M,
  rows: Examples,
  options: { file: string; log: (line: string) => void },
): M {
  return (TRAINING_METHODS.get(method.type).forRows?.(method, rows, options) ?? method) as M;
}

/** The most that rows can make of a method, for who has read none. */
export function methodWithoutRows<M extends AnyMethod>(method: M): M {
  return (TRAINING_METHODS.get(method.type).withoutRows?.(method) ?? method) as M;
}
