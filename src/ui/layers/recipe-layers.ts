/** What a recipe's text says about layers, and the same text with another choice written into it. */
import { getNodeValue, type JSONPath } from "jsonc-parser";
import * as z from "zod";
import { sharedSchema } from "../../protocol/recipe.ts";
import { type Method, methodOfBase, trainsBase } from "../../protocol/methods.ts";
import { trainsHead } from "../../protocol/objectives.ts";
import { InputError } from "../../util/errors.ts";
import { parseJsonc } from "../../util/jsonc.ts";
import { layerChoiceOf } from "../../util/layer-choice.ts";
import { type BlockOf, type LayerChoice, trainedPredicate } from "../../util/tensor-patterns.ts";
import type { BaseTensor } from "./base-tensors.ts";
import { withValue } from "./recipe-edit.ts";

/** Only the keys read here: a mistake elsewhere in the recipe is marked there, and no obstacle. */
const { base, method, freeze, trainFirst, trainLast } = sharedSchema.shape;
const objective = z
  .object({
    type: z.string().refine((type) => trainsHead({ type })),
    probe: z.unknown().optional(),
  })
  .optional()
  .catch(undefined);
const layersSchema = z.object({ base, method, freeze, trainFirst, trainLast, objective });

export interface RecipeLayers {
  /** As written: relative to the recipe. */
  base: string;
  method: Method;
  choice: LayerChoice;
  /** True with an objective that trains a new head whatever else is chosen. */
  labelsRows: boolean;
  /** The head is trained before, too. */
  probesHead: boolean;
}

/**
 * @param file for messages
 * @throws InputError naming file and line or key
 */
export function readRecipeLayers(text: string, file: string): RecipeLayers {
  const root = parseJsonc(text, file);
  const parsed = layersSchema.safeParse(getNodeValue(root));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const key = issue?.path.join(".") || "the recipe";
    throw new InputError(`${file}: ${key}: ${issue?.message}`);
  }
  const { base: model, method: how, objective: labels, ...choice } = parsed.data;
  return {
    base: model,
    method: how,
    choice,
    labelsRows: labels !== undefined,
    probesHead: labels?.probe !== undefined,
  };
}

/** @throws InputError for a pattern that matches nothing, or more blocks than there are */
export function trainedBy(
  choice: LayerChoice,
  tensors: readonly BaseTensor[],
  what: string,
): (name: string) => boolean {
  return trainedPredicate(
    choice,
    tensors.map(({ name }) => name),
    { what, blockOf: blockOfTensor(tensors) },
  );
}

function blockOfTensor(tensors: readonly BaseTensor[]): BlockOf {
  const blocks = new Map(tensors.map(({ name, facts }) => [name, facts.block]));
  return (name) => blocks.get(name);
}

/**
 * The recipe with exactly these tensors trained: comments and formatting stay. All of the base is
 * method full, a part of it method freeze, and nothing beside a new head method head, which has no
 * probe before it; an adapter's method stays.
 * @param tensors all that the choice is about
 */
export function withTrained(
  text: string,
  tensors: readonly BaseTensor[],
  trained: ReadonlySet<string>,
): string {
  const { method: how, labelsRows, probesHead } = readRecipeLayers(text, "the recipe");
  const names = tensors.map(({ name }) => name);
  const isHeadAlone = labelsRows && !probesHead && !names.some((name) => trained.has(name));
  const isProbe = isHeadAlone && trainsBase(how);
  const choice = isProbe ? {} : layerChoiceOf(names, trained, blockOfTensor(tensors));
  const all = names.every((name) => trained.has(name));
  const type = methodOfBase(isProbe ? "head" : all ? "all" : "part").name;
  const changes: [JSONPath, unknown][] = [];
  if (trainsBase(how) && how.type !== type) {
    changes.push([["method", "type"], type], [["method", "init"], undefined]);
  }
  changes.push(
    [["freeze"], choice.freeze],
    [["trainLast"], choice.trainLast],
    [["trainFirst"], choice.trainFirst],
  );
  return changes.reduce((now, [place, value]) => withValue(now, place, () => value), text);
}

/** A recipe that can lie anywhere: the paths in it made absolute. */
export function withAbsolutePaths(text: string, absolute: (file: string) => string): string {
  const places: JSONPath[] = [["base"], ["data", "train"], ["data", "eval"]];
  return places.reduce(
    (now, place) =>
      withValue(now, place, (value) => (typeof value === "string" ? absolute(value) : value)),
    text,
  );
}
