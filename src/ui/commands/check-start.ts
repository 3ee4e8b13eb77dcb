/**
 * Before a run exists: can its data and settings be used, and does it fit into memory? The command line answers, with
 * the trainer's own code; it keeps the tokens of large files, so that the run need not make them again.
 */
import * as vscode from "vscode";
import * as z from "zod";
import { runCli } from "../../runs/run-cli.ts";
import { errorMessage, InputError } from "../../util/errors.ts";
import { formatBytes } from "../../util/format.ts";
import { parseJson } from "../../util/json.ts";
import type { App } from "../app.ts";
import { ask } from "../say.ts";
import { withCancel } from "./with-cancel.ts";

/** What takes longer is left to the run itself: it reads the same rows. */
const TIMEOUT_MS = 120_000;

/** Lines of `retune inspect --recipe --no-measure --data --json`; they say more. */
const lineSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("recipe"),
    predictedBytes: z.number(),
    availableBytes: z.number(),
    fits: z.boolean(),
  }),
  z.object({ kind: z.literal("data") }),
  z.object({ kind: z.literal("problem"), message: z.string() }),
]);

type Line = z.output<typeof lineSchema>;
type Budget = Extract<Line, { kind: "recipe" }>;

/**
 * False when the person cancels, or decides against a run that may not fit.
 * @throws InputError for a run that would be refused, naming file and line
 */
export async function mayStart(app: App, recipe: vscode.Uri, name: string): Promise<boolean> {
  const lines = await withCancel(`Checking data and settings of ${name}`, (signal, report) =>
    check(app, recipe.fsPath, { signal, report }),
  );
  if (lines === undefined) return false;
  const problem = lines.find((line) => line.kind === "problem");
  if (problem) throw new InputError(problem.message);
  const budget = lines.find((line) => line.kind === "recipe");
  return !budget || budget.fits || isWantedAnyway(budget, recipe);
}

async function isWantedAnyway(budget: Budget, recipe: vscode.Uri): Promise<boolean> {
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

/** What was found before the time was up; undefined when cancelled. A check that fails by itself finds nothing. */
async function check(
  { cliPath, log }: App,
  recipe: string,
  { signal, report }: { signal: AbortSignal; report: (line: string) => void },
): Promise<Line[] | undefined> {
  let output = "";
  try {
    const done = await runCli({
      cliPath,
      args: ["inspect", "--recipe", recipe, "--no-measure", "--data", "--json"],
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
      onOutput: (text) => (output += text),
      onProgress: report,
    });
    if (!done && !signal.aborted) log.info(`${recipe}: not checked to the end, it takes long`);
  } catch (error) {
    log.info(`${recipe}: ${errorMessage(error)}`);
  }
  return signal.aborted ? undefined : linesOf(output, log);
}

function linesOf(output: string, log: vscode.LogOutputChannel): Line[] {
  // The last one is cut where the time was up.
  const texts = output.split("\n").slice(0, -1);
  try {
    return texts.map((text) => lineSchema.parse(parseJson(text, "retune's output")));
  } catch (error) {
    log.warn(errorMessage(error));
    return [];
  }
}
