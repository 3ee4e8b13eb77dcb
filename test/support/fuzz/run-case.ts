/** One changed file, what reads it, and what was wrong with how that ended. */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { InputError } from "../../../src/util/errors.ts";
import { Dice } from "./dice.ts";
import { mutateFile } from "./mutate.ts";
import { type Kind, filesOf } from "./workspace.ts";

export interface Outcome {
  file: string;
  reader: string;
  /** Counts computing, its threads' too: a machine with other work shall not be taken for a hang. */
  ms: number;
  /** The message it was refused with, or undefined where it was read. */
  refusal?: string;
  findings: string[];
}

export const SLOW_MS = 5_000;
const MAX_PRINTED_CHARS = 2_100;
const UNSAFE = /(?![\t\n\r])\p{Cc}|[\u202a-\u202e\u2066-\u2069]/u;

interface Printed {
  out: string;
  errors: string;
}

/** @returns what is printed while it works, in place of printing it */
export async function printedBy(work: () => Promise<unknown>): Promise<Printed> {
  const printed: Printed = { out: "", errors: "" };
  const kept = (["stdout", "stderr"] as const).map((name) => {
    const stream = process[name];
    const write = stream.write.bind(stream);
    stream.write = (text: string | Uint8Array): boolean => {
      // The test runner's own, in bytes, goes on.
      if (typeof text !== "string") return write(text);
      printed[name === "stdout" ? "out" : "errors"] += text;
      return true;
    };
    return () => (stream.write = write);
  });
  try {
    await work();
  } finally {
    for (const restore of kept) restore();
  }
  return printed;
}

/** A change says nothing of what is refused without it. @throws what a reader of the kind throws, or the one that fails */
export async function readUnchanged(
  dir: string,
  { quick, slow }: Kind,
  isQuick: boolean,
): Promise<void> {
  for (const [reader, read] of Object.entries(isQuick ? quick : { ...quick, ...slow })) {
    let code: unknown;
    const { errors } = await printedBy(async () => {
      code = await read(dir);
    });
    if (typeof code === "number" && code !== 0) throw new Error(`${reader}: ${errors}`);
  }
}

/** Leaves the workspace as it was. @param seed chooses the file, the change and the reader */
export async function runCase(
  dir: string,
  kind: Kind,
  { seed, isQuick }: { seed: number; isQuick: boolean },
): Promise<Outcome> {
  const dice = new Dice(seed);
  const name = dice.pick(filesOf(dir, kind));
  const file = path.join(dir, name);
  const before = readFileSync(file);
  const readers = Object.entries(isQuick ? kind.quick : { ...kind.quick, ...kind.slow });
  const [reader, read] = dice.pick(readers);
  writeFileSync(file, mutateFile(name, before, dice));
  const outcome: Outcome = { file: name, reader, ms: 0, findings: [] };
  const start = process.cpuUsage();
  try {
    const printed = await printedBy(async () => {
      const code = await read(dir).catch((error: unknown) => {
        if (!(error instanceof InputError)) throw error;
        outcome.refusal = error.message;
      });
      if (typeof code === "number" && code !== 0 && code !== 2) {
        outcome.findings.push(`exit code ${code}`);
      }
    });
    // What a model generates goes into a pipe as it is.
    if (reader !== "generate" && UNSAFE.test(printed.out)) outcome.findings.push("raw controls");
    if (UNSAFE.test(printed.errors)) outcome.findings.push("raw controls on standard error");
    const long = printed.errors.split(/[\r\n]/u).find((line) => line.length > MAX_PRINTED_CHARS);
    if (long !== undefined) outcome.findings.push(`a line of ${long.length} characters`);
  } catch (error) {
    outcome.findings.push(error instanceof Error ? (error.stack ?? "") : String(error));
  } finally {
    writeFileSync(file, before);
  }
  const { user, system } = process.cpuUsage(start);
  outcome.ms = (user + system) / 1_000;
  if (outcome.ms > SLOW_MS) outcome.findings.push(`${Math.round(outcome.ms)} ms`);
  return outcome;
}
