/** Methods that train tensors of the base itself, and add nothing. */
import { SCORE } from "../adapter-files/classifier-head.ts";
import { InputError } from "../util/errors.ts";
import type { Tuned, TunedBase } from "./method.ts";

export function tuneBase(
  _method: unknown,
  { architecture }: TunedBase,
  isTrained: (tensor: string) => boolean,
): Tuned {
  const names = architecture.tensors.map(({ name }) => name);
  const trained = names.filter((name) => isTrained(name) || name === SCORE);
  if (trained.length > 0) return { trained };
  throw new InputError(
    'freeze leaves no tensor to train; name what is to be trained behind it, e.g. "!layers.0"',
  );
}
