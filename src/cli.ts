#!/usr/bin/env node
/** The `retune` command. Exit codes: 0 done, 1 a run that did not finish, 2 bad input. */
import { type Command } from "./cli/command.ts";
import { print, printError, printStack } from "./cli/output.ts";
import { convertCommand } from "./cli/convert.ts";
import { evalCommand } from "./cli/eval.ts";
import { generateCommand } from "./cli/generate.ts";
import { interpolateCommand } from "./cli/interpolate.ts";
import { inspectCommand } from "./cli/inspect.ts";
import { mergeCommand } from "./cli/merge.ts";
import { resumeCommand, trainCommand } from "./cli/train.ts";
import { InputError } from "./util/errors.ts";
import { outliveReaders } from "./util/outlive-readers.ts";
import { RETUNE_VERSION } from "./util/version.ts";
import { largest } from "./util/largest.ts";

const COMMANDS: Readonly<Record<string, Command>> = {
  train: trainCommand,
  resume: resumeCommand,
  eval: evalCommand,
  generate: generateCommand,
  merge: mergeCommand,
  interpolate: interpolateCommand,
  convert: convertCommand,
  inspect: inspectCommand,
};

function overview(): string {
  const commands = Object.values(COMMANDS);
  const width = largest(commands.map(({ usage }) => usage.length));
  const lines = commands.map(({ usage, summary }) => `  ${usage.padEnd(width)}  ${summary}`);
  return ["usage: retune COMMAND …", "", ...lines, "", "retune COMMAND --help says more"].join(
    "\n",
  );
}

async function main([name, ...args]: readonly string[]): Promise<number> {
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    print(overview());
    return name === undefined ? 2 : 0;
  }
  if (name === "--version") {
    print(RETUNE_VERSION);
    return 0;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) {
    printError(`retune has no command "${name}"; there are: ${Object.keys(COMMANDS).join(", ")}`);
    return 2;
  }
  if (args.includes("--help") || args.includes("-h")) {
    print(`usage: retune ${command.usage}\n\n${command.help}`);
    return 0;
  }
  return command.run(args);
}

function fail(error: unknown): number {
  if (error instanceof InputError) {
    printError(error.message);
    return 2;
  }
  printStack(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return 1;
}

outliveReaders(({ message }) => printError(`the output can't be written: ${message}`));
void main(process.argv.slice(2))
  .catch(fail)
  .then((code) => {
    // Not process.exit: what was written to a pipe shall arrive.
    process.exitCode = code;
  });
