import { rm, rmdir } from "node:fs/promises";
import path from "node:path";
import { RUNS_FOLDER } from "../protocol/run-folder.ts";
import type { EngineChoice } from "../protocol/engine-facts.ts";
import { readRunRecipe } from "../run-folder/run-recipe.ts";
import { createRun } from "../run-folder/create-run.ts";
import { resolveRecipe } from "../runs/resolve-recipe.ts";
import { stopOnSignals } from "../run-folder/stop-request.ts";
import type { TrainOutcome } from "../trainer/train-run.ts";
import { hasCode } from "../util/errors.ts";
import { placedInRecipe } from "../runs/recipe-lines.ts";
import { pathExists } from "../util/path-exists.ts";
import { type Command, parseArguments } from "./command.ts";
import { print, printError } from "./output.ts";
import { ProgressLine } from "./progress.ts";
import { trainWith } from "./trainers.ts";

const WORKSPACE_MARKS = [".retune", ".vscode", ".git"];

/** The folder above the recipe that looks like a workspace, else the recipe's own. */
async function workspaceOf(recipeFile: string): Promise<string> {
  const own = path.dirname(path.resolve(recipeFile));
  for (let folder = own; ; folder = path.dirname(folder)) {
    for (const mark of WORKSPACE_MARKS) {
      if (await pathExists(path.join(folder, mark))) return folder;
    }
    if (folder === path.dirname(folder)) return own;
  }
}

/** The topmost folder on the way to `dir` that is not there yet. */
async function firstMissing(dir: string): Promise<string | undefined> {
  if (await pathExists(dir)) return undefined;
  const parent = path.dirname(dir);
  return parent === dir ? dir : ((await firstMissing(parent)) ?? dir);
}

/** Folders from `dir` up to `top`, as far as nothing is in them. */
async function removeEmpty(dir: string, top: string): Promise<void> {
  try {
    await rmdir(dir);
  } catch (error) {
    if (!hasCode(error, "ENOENT")) return;
  }
  if (dir !== top) await removeEmpty(path.dirname(dir), top);
}

async function train(
  runDir: string,
  { engine, isJson, forgetsStop }: { engine: EngineChoice; isJson: boolean; forgetsStop?: boolean },
): Promise<TrainOutcome> {
  const progress = new ProgressLine();
  const outcome = await trainWith(engine, runDir, {
    signals: stopOnSignals(runDir),
    forgetsStop,
    onPhase: (phase) => progress.phase(phase),
    onNote: (note) => progress.note(note),
    onMetric: (metric, state) => {
      if (isJson) print(JSON.stringify(metric));
      else progress.metric(metric, state);
    },
  });
  progress.end();
  return outcome;
}

function report(
  runDir: string,
  { state, result, isAbandoned }: TrainOutcome,
  isJson: boolean,
): number {
  const { status, message, step } = state;
  if (status === "failed") {
    printError(message ?? "failed");
    return 1;
  }
  // With --json, standard output is for metrics alone.
  const say = isJson ? printError : print;
  say(`${message ?? status} at step ${step}: ${result ?? runDir}`);
  // What it was preparing would keep the process, perhaps for ever.
  if (isAbandoned) process.stdout.write("", () => process.exit(1));
  return status === "finished" ? 0 : 1;
}

export const trainCommand: Command = {
  usage: "train RECIPE [--run-dir DIR] [--json]",
  summary: "train in the foreground",
  help: `  RECIPE         a *.retune.json file
  --run-dir DIR  the run's folder (default: .retune/runs/<id> of the workspace)
  --json         metrics as JSON lines on standard output
Ctrl+C finishes the step, saves, and ends; a second Ctrl+C ends at once.
"retune resume" goes on.`,
  run: async (args) => {
    const { values, positionals } = parseArguments(args, {
      options: { "run-dir": { type: "string" }, json: { type: "boolean", default: false } },
      positionals: ["RECIPE"],
    });
    const [file = ""] = positionals;
    const recipe = await resolveRecipe(file);
    const runsDir = path.join(await workspaceOf(file), RUNS_FOLDER);
    const asked = values["run-dir"];
    const wished = path.resolve(asked ?? runsDir);
    const made = await firstMissing(wished);
    const runDir = await createRun({
      recipe,
      runsDir,
      ...(asked === undefined ? {} : { runDir: asked }),
    });
    printError(`run ${runDir}`);
    const outcome = await train(runDir, { engine: recipe.engine, isJson: values.json });
    if (outcome.refused) {
      // Nothing was trained, and the message says all: a folder would only be in the way.
      await rm(runDir, { recursive: true, force: true });
      if (made !== undefined) await removeEmpty(wished, made);
      printError(await placedInRecipe(outcome.state.message ?? "refused", path.resolve(file)));
      return 2;
    }
    return report(runDir, outcome, values.json);
  },
};

export const resumeCommand: Command = {
  usage: "resume RUN_DIR [--json]",
  summary: "continue a run from its newest whole checkpoint",
  help: `  RUN_DIR  a folder made by "retune train" or by the extension
  --json   metrics as JSON lines on standard output`,
  run: async (args) => {
    const { values, positionals } = parseArguments(args, {
      options: { json: { type: "boolean", default: false } },
      positionals: ["RUN_DIR"],
    });
    const runDir = path.resolve(positionals[0] ?? "");
    const { engine } = await readRunRecipe(runDir);
    const outcome = await train(runDir, { engine, isJson: values.json, forgetsStop: true });
    return outcome.refused
      ? (printError(outcome.state.message ?? ""), 2)
      : report(runDir, outcome, values.json);
  },
};
