import { InputError } from "../util/errors.ts";
import type { BaseKind, BaseReference } from "./base-kind.ts";

/** "provider:NAME/MODEL": weights that only their owner has. */
const FORM = /^provider:([\w.-]+\/\S+)$/u;

function refuse({ given }: BaseReference): never {
  throw new InputError(
    `base model ${given} is at its provider, so it can't be loaded; give a Hugging Face folder or a .gguf`,
  );
}

export const provider: BaseKind = {
  name: "provider",
  parse: (text) => {
    const [, location] = FORM.exec(text) ?? [];
    return location === undefined ? undefined : { location };
  },
  locate: async (reference) => refuse(reference),
};
