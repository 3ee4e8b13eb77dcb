/** The one way to a terminal: what commands print has passed here. */
import { messageLine, terminalText } from "../util/terminal-text.ts";

export function print(line: string): void {
  process.stdout.write(`${terminalText(line)}\n`);
}

/** One line, shortened where it is very long. */
export function printError(message: string): void {
  process.stderr.write(`${messageLine(message)}\n`);
}

/** A bug's stack, its lines kept. */
export function printStack(stack: string): void {
  process.stderr.write(`${terminalText(stack)}\n`);
}

/** Text of a model, as it comes; into a file or a pipe as it is, since there it may be meant so. */
export function printGenerated(text: string): void {
  process.stdout.write(process.stdout.isTTY ? terminalText(text) : text);
}

/** False once whoever read the output has gone. */
export function hasReader(): boolean {
  return process.stdout.writable;
}
