#!/usr/bin/env node
/**
 * The `retune` command. Exit codes: 0 done, 1 a run that did not finish, 2 bad input. What trains is
 * done by a child process under this one, which loads nothing of it.
 */
import { isSupervised } from "./protocol/supervision.ts";
import { printError } from "./cli/output.ts";
import { isForSupervisor, supervise } from "./cli/supervise.ts";
import { errorMessage } from "./util/errors.ts";
import { outliveReaders } from "./util/outlive-readers.ts";

outliveReaders(({ message }) => printError(`the output can't be written: ${message}`));
const args = process.argv.slice(2);
if (isForSupervisor(args) && !isSupervised()) {
  void supervise(args).then(
    (code) => {
      process.exitCode = code;
    },
    (error: unknown) => {
      printError(`the process that does the work can't be watched: ${errorMessage(error)}`);
      process.exitCode = 1;
    },
  );
} else {
  void import("./cli/main.ts").then(({ runCommand }) => runCommand(args));
}
