/** The objectives that a recipe can name: one line each. What they compute is listed in src/objectives/registry.ts. */
import * as z from "zod";
import { Registry } from "../util/registry.ts";
import type { FigureFacts } from "./figures.ts";
import type { AnyObjective, ObjectiveFacts, ObjectiveView } from "./objective.ts";
import {
  type Classification,
  type ClassificationInput,
  classification,
} from "./objectives/classification.ts";
import { sft } from "./objectives/sft.ts";

const OBJECTIVES_KNOWN = [sft, classification] as const;

export const DEFAULT_OBJECTIVE = "sft";

export const OBJECTIVES = new Registry<ObjectiveFacts>("objective", OBJECTIVES_KNOWN);

type KnownSchema = (typeof OBJECTIVES_KNOWN)[number]["schema"];
export type Objective = z.output<KnownSchema>;
type ObjectiveInput = z.input<KnownSchema>;

/** Read when a first recipe is, so that objectives from outside can be added before. */
export const objectiveSchema = z.lazy(() => {
  const [first, ...rest] = OBJECTIVES.all.map(({ schema }) => schema);
  if (!first) throw new Error("internal: no objectives");
  return z.discriminatedUnion("type", [first, ...rest]);
}) as unknown as z.ZodType<Objective, ObjectiveInput>;

/** @throws InputError for an objective that is not known */
export function objectiveFacts({ type }: AnyObjective): ObjectiveFacts {
  return OBJECTIVES.get(type);
}

/** Whether what such a run trains can write text: a classifier has no head for tokens. */
export function writesText({ objective }: { objective: AnyObjective }): boolean {
  return OBJECTIVES.find(objective.type)?.writesText ?? true;
}

/** Whether it trains a new head, whatever the method. */
export function trainsHead({ type }: AnyObjective): boolean {
  return OBJECTIVES.find(type)?.newHead !== undefined;
}

/** The names of those that do, for messages. */
export function headObjectives(): string {
  return OBJECTIVES.all.flatMap(({ name, newHead }) => (newHead ? [name] : [])).join(" or ");
}

/** What rows with labels are for. */
export function labelling(options: {
  problem?: Classification["problem"];
  isProbed?: boolean;
}): ClassificationInput {
  const { problem, isProbed = false } = options;
  const named = problem === undefined || problem === "single-label" ? {} : { problem };
  return { type: classification.name, ...(isProbed ? { probe: {} } : {}), ...named };
}

/** The figure that a recipe's bestBy means; undefined where it is the loss. */
export function figureOfBest({
  objective,
  bestBy,
}: {
  objective: AnyObjective;
  bestBy: string;
}): FigureFacts | undefined {
  return objectiveFacts(objective).figures.find(({ best }) => best?.by === bestBy);
}

/** @param objective left out where a recipe can't be read; one that is not known shows what every run has */
export function objectiveView(objective: AnyObjective | undefined): ObjectiveView {
  const facts = OBJECTIVES.find(objective?.type ?? DEFAULT_OBJECTIVE);
  if (!facts) {
    const settings = [{ label: "Objective", value: objective?.type ?? "" }];
    return { writesText: true, settings, figures: [], charts: [] };
  }
  const { writesText: isWriter, figures, charts } = facts;
  const settings = objective ? facts.settings(objective) : [];
  return { writesText: isWriter, settings, figures, charts };
}
