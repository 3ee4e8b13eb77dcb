/** `retune inspect --recipe` for an engine that is no part of this program: what it says itself. */
import { engineOf } from "../engines/registry.ts";
import { ENGINE_FACTS } from "../protocol/engines.ts";
import type { ResolvedRecipe } from "../protocol/recipe.ts";
import { InputError } from "../util/errors.ts";
import { formatBytes, formatCount } from "../util/format.ts";
import { print, printError } from "./output.ts";
import { PROGRAMS } from "./programs.ts";

/** @throws InputError for a recipe that the engine refuses */
export async function inspectByEngine(
  file: string,
  recipe: ResolvedRecipe,
  { json, measure }: { json: boolean; measure: boolean },
): Promise<void> {
  const engine = engineOf(recipe);
  const { signal } = new AbortController();
  const asked = { programs: PROGRAMS, signal, onProgress: printError };
  const { problem, memory } = (await engine.check?.(file, asked)) ?? {};
  if (problem !== undefined) throw new InputError(problem);
  const forecast = measure ? await engine.forecast?.(file, asked) : undefined;
  if (json) {
    print(JSON.stringify({ kind: "recipe", engine: engine.name, ...memory, ...forecast }));
    return;
  }
  const { trainableParameters: trained, stepSeconds } = forecast ?? {};
  const lines = [
    `recipe ${file}`,
    ENGINE_FACTS.find(engine.name)?.description,
    trained === undefined ? undefined : `trains ${formatCount(trained)} parameters`,
    memory &&
      `predicted peak ${formatBytes(memory.predictedBytes)}, ${formatBytes(memory.availableBytes)} are free`,
    stepSeconds === undefined ? undefined : `measured: ${stepSeconds.toPrecision(2)} s a step`,
  ];
  for (const line of lines) if (line !== undefined) print(line);
}
