import type { Run } from "../../run-folder/run.ts";
import type { App } from "../app.ts";
import { ask } from "../say.ts";
import { requireTrust } from "../trust.ts";
import { runAbilities } from "../views/abilities.ts";
import { runFrom } from "./pick-run.ts";

export async function openRun(app: App, argument: unknown): Promise<void> {
  const run = await runFrom(app, argument, {
    placeholder: "Open which run?",
    accepts: () => true,
    none: "There is no run in this workspace yet.",
  });
  if (run) app.panels.open(run.dir);
}

export async function stopRun(app: App, argument: unknown): Promise<void> {
  const run = await runFrom(app, argument, {
    placeholder: "Stop which run? It finishes its step, saves and ends.",
    accepts: (candidate) => runAbilities(candidate).includes("stoppable"),
    none: "No run is active.",
  });
  if (run === undefined) return;
  if (run.status === "stopping" && !(await wantsItAtOnce(run))) return;
  await app.queue.remove(run.dir);
  await app.actions.stop(run.dir);
  await app.store.refresh();
}

async function wantsItAtOnce({ name }: Run): Promise<boolean> {
  const chosen = await ask(
    `"${name}" is stopping already: it finishes its step and saves.`,
    "Ended now, it loses what came after its last checkpoint.",
    "End Now",
  );
  return chosen === "End Now";
}

export async function resumeRun(app: App, argument: unknown): Promise<void> {
  requireTrust();
  const run = await runFrom(app, argument, {
    placeholder: "Resume which run? It continues from its last checkpoint.",
    accepts: (candidate) => runAbilities(candidate).includes("resumable"),
    none: "No run can be resumed: none was stopped, interrupted or failed.",
  });
  if (run === undefined) return;
  app.notifications.expect(run.dir);
  // A person who asks for this very run does not want it to wait behind others.
  await app.queue.remove(run.dir);
  await app.actions.start(run.dir);
  app.panels.open(run.dir);
}

export async function deleteRun(app: App, argument: unknown): Promise<void> {
  const run = await runFrom(app, argument, {
    placeholder: "Delete which run?",
    accepts: (candidate) => runAbilities(candidate).includes("deletable"),
    none: "There is no run to delete.",
  });
  if (run === undefined) return;
  const result = run.hasAdapter ? ", its adapter" : run.hasModel ? ", its model" : "";
  const chosen = await ask(
    `Delete run "${run.name}"?`,
    `Its metrics, checkpoints${result} and log are removed from disk:\n${run.dir}`,
    "Delete",
  );
  if (chosen !== "Delete") return;
  await app.queue.remove(run.dir);
  await app.actions.delete(run.dir);
  await app.store.refresh();
}
