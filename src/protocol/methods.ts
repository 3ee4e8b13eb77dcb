/** The methods that a recipe can name: one line each. What they compute is listed in src/methods/registry.ts. */
import * as z from "zod";
import { Registry } from "../util/registry.ts";
import type { AnyMethod, BasePart, MethodFacts, MethodView } from "./method.ts";
import { freeze } from "./methods/freeze.ts";
import { full } from "./methods/full.ts";
import { head } from "./methods/head.ts";
import { ia3 } from "./methods/ia3.ts";
import { lora } from "./methods/lora.ts";
import { prefixTuning } from "./methods/prefix-tuning.ts";
import { promptTuning } from "./methods/prompt-tuning.ts";
import { direft, loreft, noreft } from "./methods/reft.ts";

const METHODS_KNOWN = [
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
] as const;

export const DEFAULT_METHOD = "lora";

export const METHODS = new Registry<MethodFacts>("method", METHODS_KNOWN);

type KnownSchema = (typeof METHODS_KNOWN)[number]["schema"];
export type Method = z.output<KnownSchema>;
type MethodInput = z.input<KnownSchema>;

/** Read when a first recipe is, so that methods from outside can be added before. */
export const methodSchema = z.lazy(() => {
  // Methods of one schema have one option.
  const [first, ...rest] = new Set(METHODS.all.map(({ schema }) => schema));
  if (!first) throw new Error("internal: no methods");
  return z.discriminatedUnion("type", [first, ...rest]);
}) as unknown as z.ZodType<Method, MethodInput>;

/** @throws InputError for a method that is not known */
export function methodFacts({ type }: AnyMethod): MethodFacts {
  return METHODS.get(type);
}

/** The method that trains this much of the base, and no adapter. */
export function methodOfBase(part: BasePart): MethodFacts {
  const found = METHODS.all.find(({ ofBase }) => ofBase === part);
  if (!found) throw new Error(`internal: no method trains ${part} of the base`);
  return found;
}

/** Tensors of the base itself change, so that a run's result is a model, not an adapter. */
export function trainsBase(method: AnyMethod): boolean {
  return methodFacts(method).ofBase !== undefined;
}

export function isFromScratch(method: AnyMethod): boolean {
  return methodFacts(method).isFromScratch?.(method) ?? false;
}

export function virtualTokensOf(method: AnyMethod): number {
  return methodFacts(method).virtualTokens?.(method) ?? 0;
}

/** In few letters; of a method that this version does not know its name, here and below. */
export function methodWord(method: AnyMethod): string {
  return METHODS.find(method.type)?.word(method) ?? method.type;
}

/** With its most telling numbers. */
export function methodText(method: AnyMethod): string {
  return METHODS.find(method.type)?.text(method) ?? method.type;
}

export function methodView(method: AnyMethod): MethodView {
  const { type } = method;
  const facts = METHODS.find(type);
  if (!facts) {
    return { title: type, settings: [{ label: "Method", value: type }], writesModel: false };
  }
  const writesModel = facts.ofBase !== undefined;
  return { title: facts.title(method), settings: facts.settings(method), writesModel };
}

/** Why the base's weights can't be held in integers under this method; undefined where they can. */
export function quantizationProblem(method: AnyMethod): string | undefined {
  if (methodFacts(method).overQuantised) return undefined;
  const names = METHODS.all.flatMap(({ name, overQuantised }) => (overQuantised ? [name] : []));
  const quoted = names.map((name) => JSON.stringify(name));
  return `quantization is for method ${names.join(" and ")}, whose base weights stay as they are; leave it out, or choose ${quoted.join(" or ")}`;
}

/** "2e-4 for lora, 5e-3 for ia3, …, 2e-5 where the base itself is trained", of large bases. */
export function ratesOfMethods(): string {
  const groups = new Map<string, string[]>();
  const ofBase = new Set<string>();
  for (const facts of METHODS.all) {
    const method = facts.schema.parse({ type: facts.name }) as unknown as AnyMethod;
    const rate = facts.learningRate(method).large.toExponential();
    if (facts.ofBase === "all" || facts.ofBase === "part") ofBase.add(rate);
    else groups.set(rate, [...(groups.get(rate) ?? []), facts.name]);
  }
  const texts = [...groups].map(([rate, names]) => `${rate} for ${listed(names)}`);
  return [...texts, ...[...ofBase].map((rate) => `${rate} where the base itself is trained`)].join(
    ", ",
  );
}

/** "loreft, direft and noreft" */
function listed(names: readonly string[]): string {
  if (names.length < 2) return names.join("");
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
