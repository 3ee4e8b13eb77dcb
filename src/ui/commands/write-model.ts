import * as vscode from "vscode";
import { runCli } from "../../util/run-cli.ts";
import type { App } from "../app.ts";
import { sayInformation } from "../say.ts";
import { withCancel } from "./with-cancel.ts";

interface Writing {
  /** The title of the progress notification. */
  title: string;
  /** The arguments of the `retune` command that writes the model. */
  args: readonly string[];
  /** Said when it is there. */
  message: string;
}

/** What `retune merge` says last of its comparison with what was merged. */
const CHECK = /^(?:checked on|merged, but)/u;

/** A command that writes a model, under a notification that can cancel it. @returns whether it is written */
export async function writeModel(app: App, { title, args, message }: Writing): Promise<boolean> {
  let check = "";
  const done = await withCancel(title, (signal, report) =>
    runCli({
      cliPath: app.programs.cli,
      args,
      signal,
      onProgress: (line) => {
        if (CHECK.test(line)) check = ` It was ${line}.`;
        report(line);
      },
    }),
  );
  if (!done) return false;
  app.log.info(`retune ${args.join(" ")}`);
  app.models.invalidate();
  void sayInformation(`${message}${check}`, "Show Base Models").then((chosen) => {
    if (chosen) void vscode.commands.executeCommand("retune.models.focus");
  });
  return true;
}
