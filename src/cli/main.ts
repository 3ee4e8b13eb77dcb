/** The commands of `retune`, in the process that does their work. */
import { type Command } from "./command.ts";
import { classifyCommand } from "./classify.ts";
import { convertCommand } from "./convert.ts";
import { doctorCommand } from "./doctor.ts";
import { evalCommand } from "./eval.ts";
import { generateCommand } from "./generate.ts";
import { installCommand } from "./install.ts";
import { interpolateCommand } from "./interpolate.ts";
import { inspectCommand } from "./inspect.ts";
import { mergeCommand } from "./merge.ts";
import { print, printError, printStack } from "./output.ts";
import { resumeCommand, trainCommand } from "./train.ts";
import { InputError } from "../util/errors.ts";
import { RETUNE_VERSION } from "../util/version.ts";
import { largest } from "../util/largest.ts";

const COMMANDS: Readonly<Record<string, Command>> = {
  train: trainCommand,
  resume: resumeCommand,
  eval: evalCommand,
  generate: generateCommand,
  classify: classifyCommand,
  merge: mergeCommand,
  interpolate: interpolateCommand,
  convert: convertCommand,
  inspect: inspectCommand,
  install: installCommand,
  doctor: doctorCommand,
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

/** Runs the command; the process's exit code says how it went, as soon as nothing keeps it. */
export async function runCommand(args: readonly string[]): Promise<void> {
  // Not process.exit: what was written to a pipe shall arrive.
  process.exitCode = await main(args).catch(fail);
}
