import type { Run } from "../../run-folder/run.ts";
import { readEngineRun } from "../../runs/engine-status.ts";
import { InputError } from "../../util/errors.ts";
import type { App } from "../app.ts";
import { pickOne } from "../ask/wizard.ts";
import { sayInformation } from "../say.ts";
import { describeRun } from "../run-text.ts";
import { asRow } from "../views/rows.ts";

export interface RunQuestion {
  placeholder: string;
  accepts: (run: Run) => boolean;
  /** Said when no run is acceptable. */
  none: string;
}

/** The folder of a run that a command's argument names, if it names one. */
export function runDirOf(argument: unknown): string | undefined {
  if (typeof argument === "string" && argument !== "") return argument;
  const row = asRow(argument);
  if (row?.kind === "run") return row.runDir;
  return row?.kind === "adapter" ? row.adapter.runDir : undefined;
}

/**
 * The run that the argument names, else the only one that it can mean, else the one that the user
 * picks; undefined when cancelled. A click on a row's button comes without its argument when VS
 * Code is just redrawing that row: asking which of one run was meant would look like nothing.
 */
export async function runFrom(
  app: App,
  argument: unknown,
  question: RunQuestion,
): Promise<Run | undefined> {
  const runDir = runDirOf(argument);
  if (runDir !== undefined) {
    const run = app.store.get(runDir) ?? (await readEngineRun(runDir));
    if (run === undefined) throw new InputError(`${runDir} is not a run folder (no state.json)`);
    return run;
  }
  await app.store.refresh();
  const runs = app.store.runs().filter(question.accepts);
  if (runs.length === 0) {
    void sayInformation(question.none);
    return undefined;
  }
  if (runs.length === 1) return runs[0];
  return pickOne("", {
    placeHolder: question.placeholder,
    choices: () =>
      runs.map((run) => ({ label: run.name, description: describeRun(run), value: run })),
  });
}
