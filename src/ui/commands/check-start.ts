/**
 * Before a run exists: can its data and settings be used, and does it fit into memory? Its engine
 * answers.
 */
import * as vscode from "vscode";
import type { Check } from "../../engines/engine.ts";
import { engineOf } from "../../engines/registry.ts";
import type { ResolvedRecipe } from "../../protocol/recipe.ts";
import { InputError } from "../../util/errors.ts";
import { formatBytes } from "../../util/format.ts";
import type { App } from "../app.ts";
import { ask } from "../say.ts";
import { withCancel } from "./with-cancel.ts";

/** What takes longer is left to the run itself: it reads the same rows. */
const TIMEOUT_MS = 120_000;

type Memory = NonNullable<Check["memory"]>;

/**
 * False when the person cancels, or decides against a run that may not fit.
 * @throws InputError for a run that would be refused, naming file and line
 */
export async function mayStart(
  app: App,
  recipe: vscode.Uri,
  { name, engine }: Pick<ResolvedRecipe, "name" | "engine">,
): Promise<boolean> {
  const runner = engineOf({ engine });
  if (!runner.check) return true;
  const found = await withCancel(
    `Checking data and settings of ${name}`,
    async (signal, onProgress) => {
      const limited = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
      const { programs } = app;
      const result = await runner.check?.(recipe.fsPath, { programs, signal: limited, onProgress });
      return signal.aborted ? undefined : result;
    },
  );
  if (found === undefined) return false;
  const { problem, memory, unfinished } = found;
  if (unfinished !== undefined) app.log.info(`${recipe.fsPath}: ${unfinished}`);
  if (problem !== undefined) throw new InputError(problem);
  return !memory || memory.fits || isWantedAnyway(memory, recipe);
}

async function isWantedAnyway(budget: Memory, recipe: vscode.Uri): Promise<boolean> {
  const anyway = "Start Anyway";
  const edit = "Edit Recipe";
  const chosen = await ask(
    `This run is predicted to take ${formatBytes(budget.predictedBytes)}; ${formatBytes(budget.availableBytes)} are free.`,
    'Without enough memory the system may end the run. Lower data.maxLength, train fewer layers, or choose memory "memory" or a quantization.',
    anyway,
    edit,
  );
  if (chosen === edit) await vscode.window.showTextDocument(recipe, { preview: false });
  return chosen === anyway;
}
