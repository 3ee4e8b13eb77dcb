/** How a recipe names its engine, and where the options of that engine stand in it. */
import * as z from "zod";
import type { EngineFacts } from "./engine-facts.ts";
import { DEFAULT_ENGINE, ENGINE_FACTS } from "./engines.ts";

interface Placed {
  value: unknown;
  issues: { code: "custom"; path: string[]; message: string; input: unknown }[];
}

/** The engine of a recipe that is not checked yet; where it names none that is known, the default's. */
export function engineFactsOf(value: unknown): EngineFacts {
  return knownEngine((Object(value) as { engine?: unknown }).engine) ?? DEFAULT_ENGINE;
}

function knownEngine(engine: unknown): EngineFacts | undefined {
  const name = typeof engine === "string" ? engine : (Object(engine) as { type?: unknown }).type;
  return typeof name === "string" ? ENGINE_FACTS.find(name) : undefined;
}

/** The recipe's keys that are an engine's: itself, and its options where these stand beside it. */
export function engineKeys({ name, description, options, hasOptionsBeside }: EngineFacts) {
  if (hasOptionsBeside === true) {
    const named = z.literal(name);
    const isDefault = name === DEFAULT_ENGINE.name;
    return { engine: (isDefault ? named.default(name) : named).describe(description), ...options };
  }
  const engine = z.strictObject({ type: z.literal(name), ...options });
  return { engine: engine.describe(description) };
}

/** A recipe as a schema of `engineKeys` takes it: options that were written in the other place are moved. */
export function withOptionsPlaced(value: unknown): Placed {
  const { engine, ...others } = Object(value) as Record<string, unknown>;
  const facts = knownEngine(engine);
  // What is not known is told as such, not by its options.
  if (!facts) return { value, issues: [] };
  const { name, options, hasOptionsBeside } = facts;
  if (typeof engine === "string") {
    const isInside = hasOptionsBeside !== true;
    return { value: isInside ? { ...others, engine: { type: name } } : value, issues: [] };
  }
  if (hasOptionsBeside !== true) return { value, issues: [] };
  const { type, ...written } = engine as Record<string, unknown>;
  const issues = Object.keys(written).flatMap((key): Placed["issues"] => {
    const isTwice = key in others;
    if (key in options && !isTwice) return [];
    const message = isTwice
      ? `${key} stands beside engine and in it; keep one`
      : `${key} is none of ${name}'s options: ${Object.keys(options).join(", ")}`;
    return [{ code: "custom", path: ["engine", key], message, input: written[key] }];
  });
  return { value: { ...others, ...written, engine: type }, issues };
}
