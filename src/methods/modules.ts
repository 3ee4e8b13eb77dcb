/** Where in a base a method attaches, by the names of its modules. */
import {
  type CausalLm,
  type LinearLayer,
  embeddingTensor,
  headTensor,
} from "../graph/causal-lm.ts";
import { targetPredicate } from "../protocol/methods/targets.ts";
import { InputError } from "../util/errors.ts";
import { endsAtDot } from "../util/module-pattern.ts";
import { moduleOf, outline } from "../util/tensor-patterns.ts";

/** C. */
export function embeddingWidth(architecture: CausalLm): number {
  return embeddingTensor(architecture).shape[1] ?? 0;
}

/**
 * The layers that `targets` names (families/targets.ts).
 * @throws InputError when nothing matches or the expression is broken
 */
export function selectTargets(
  layers: readonly LinearLayer[],
  targets: readonly string[] | string,
): LinearLayer[] {
  const matches = targetPredicate(targets);
  const chosen = layers.filter(({ path, isHead }) =>
    matches({ path, role: isHead ? "head" : "linear" }),
  );
  const available = [...new Set(layers.map(({ path }) => path.split(".").at(-1)))].join(", ");
  if (chosen.length === 0) {
    throw new InputError(
      `method.targets ${JSON.stringify(targets)} matches no linear layer; this model has: ${available}`,
    );
  }
  if (typeof targets !== "string") {
    const idle = targets.find((target) => !layers.some((layer) => endsAtDot(layer.path, target)));
    if (idle !== undefined) {
      throw new InputError(
        `method.targets "${idle}" matches no linear layer; this model has: ${available}`,
      );
    }
  }
  return chosen;
}

/** The targets that the recipe leaves to train. */
export function trainedTargets(
  targets: readonly string[] | string,
  { linearLayers }: CausalLm,
  isTrained: (tensor: string) => boolean,
): LinearLayer[] {
  const chosen = selectTargets(linearLayers, targets).filter(({ path }) =>
    isTrained(`${path}.weight`),
  );
  if (chosen.length > 0) return chosen;
  throw new InputError("freeze, trainFirst and trainLast leave none of method.targets to train");
}

/** The tensors of modules that are trained whole. */
export function wholeModules(modules: readonly string[], architecture: CausalLm): Set<string> {
  const { tensors } = architecture;
  const [embedding, head] = [embeddingTensor(architecture), headTensor(architecture)];
  const found = new Set<string>();
  for (const module of modules) {
    const matching = tensors.filter(
      ({ name }) => moduleOf(name).endsWith(`.${module}`) || moduleOf(name) === module,
    );
    if (matching.length === 0) {
      throw new InputError(
        `method.modulesToSave "${module}" matches no module of the base; it has ${outline(tensors.map(({ name }) => name))}`,
      );
    }
    for (const tensor of matching) {
      if (tensor === embedding && tensor === head) {
        throw new InputError(
          `method.modulesToSave "${module}": embeddings and head share ${tensor.name} in this base, and PEFT would train only one of the two; leave it out`,
        );
      }
      found.add(tensor.name);
    }
  }
  return found;
}

/**
 * The layer of this base that a tensor of an adapter's file is for.
 * @param adapter.name its folder, for messages
 * @throws InputError naming the tensor that the base has no place for
 */
export function placeOf(
  path: string,
  tensor: { name: string },
  { linearLayers, name }: { linearLayers: readonly LinearLayer[]; name: string },
): LinearLayer {
  const layer = linearLayers.find((each) => each.path === path);
  if (layer) return layer;
  throw new InputError(
    `${name}: tensor ${tensor.name} has no place in this base model: the adapter was made for another base`,
  );
}
