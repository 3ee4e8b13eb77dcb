/** Before a run starts in the editor: does it fit into memory, as far as its files' headers tell? */
import * as vscode from "vscode";
import * as z from "zod";
import { runCli } from "../../runs/run-cli.ts";
import { errorMessage } from "../../util/errors.ts";
import { formatBytes } from "../../util/format.ts";
import { parseJson } from "../../util/json.ts";
import type { App } from "../app.ts";
import { ask } from "../say.ts";

/** A start must not wait for a forecast. */
const TIMEOUT_MS = 5_000;

/** What `retune inspect --recipe --no-measure --json` prints; it says more. */
const budgetSchema = z.object({
  predictedBytes: z.number(),
  availableBytes: z.number(),
  fits: z.boolean(),
});

/**
 * False when the person decides against a run that may not fit. A budget that can't be told, for
 * whatever reason, is no reason against it: the run itself says what is wrong.
 */
export async function fitsOrIsWanted(app: App, recipe: vscode.Uri): Promise<boolean> {
  const budget = await budgetOf(app, recipe.fsPath);
  if (!budget || budget.fits) return true;
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

async function budgetOf(
  { cliPath, log }: App,
  recipe: string,
): Promise<z.output<typeof budgetSchema> | undefined> {
  let output = "";
  try {
    const done = await runCli({
      cliPath,
      args: ["inspect", "--recipe", recipe, "--no-measure", "--json"],
      signal: AbortSignal.timeout(TIMEOUT_MS),
      onOutput: (text) => (output += text),
    });
    return done ? budgetSchema.parse(parseJson(output, "retune's output")) : undefined;
  } catch (error) {
    log.info(`no forecast for ${recipe}: ${errorMessage(error)}`);
    return undefined;
  }
}
