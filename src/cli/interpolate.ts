import { rm } from "node:fs/promises";
import path from "node:path";
import { mergeAdapters } from "../merge/adapters/merge-adapters.ts";
import { mergeModels } from "../merge/models/weighted-sum.ts";
import { resolveBase } from "../models/base-model.ts";
import {
  type DataRole,
  SWEEPS_FOLDER,
  type SweepData,
  type SweepPoint,
} from "../protocol/sweep.ts";
import { createSweep, parseAlphas } from "../runs/sweeps/create-sweep.ts";
import { type SweepSummary, summariseSweep } from "../runs/sweeps/summary.ts";
import { stopOnSignals } from "../run-folder/stop-request.ts";
import { InputError } from "../util/errors.ts";
import { type Command, numberOption, parseArguments } from "./command.ts";
import { print, printError } from "./output.ts";
import { type Mix, type SweepOutcome, runSweep } from "./sweep.ts";

const OPTIONS = {
  adapter: { type: "string" },
  alpha: { type: "string" },
  out: { type: "string" },
  sweep: { type: "string" },
  eval: { type: "string", multiple: true },
  shifted: { type: "string", multiple: true },
  validation: { type: "string", multiple: true },
  name: { type: "string" },
  "max-length": { type: "string" },
  "sweep-dir": { type: "string" },
  continue: { type: "string" },
  json: { type: "boolean", default: false },
  quiet: { type: "boolean", default: false },
} as const;

export const interpolateCommand: Command = {
  usage:
    "interpolate A [B | --adapter DIR] --alpha X --out DIR | --sweep 0:1:0.1 --eval NAME=FILE | --continue DIR",
  summary: "mix a base with what it was tuned to (WiSE-FT), or see what each mix does",
  help: `  A, B                    Hugging Face folders (or a .gguf) of one architecture: alpha 0 is A, alpha 1 is B
  --adapter DIR           instead of B: A with so much of the adapter's change
  --alpha X               from 0 to 1
  --out DIR               folder for the mixed model; it must not exist yet
  --sweep F:T:S           evaluates each alpha from F to T in steps of S, and keeps none of the models
  --eval NAME=FILE        a data file like what B was tuned for, several times: a test
  --shifted NAME=FILE     a data file of another kind, several times: a test of robustness
  --validation NAME=FILE  a data file that recommends an alpha and tests nothing, several times
  --max-length N          longest row in tokens
  --sweep-dir DIR         the sweep's folder (default: ${SWEEPS_FOLDER}/<id> here)
  --name NAME             what the sweep is called
  --continue DIR          goes on with a sweep: alphas that have a point are not computed again
  --json                  a JSON line for each point as it arrives, then one for the summary
  --quiet                 says nothing: the sweep's log.txt tells all
Ctrl+C stops a sweep; no model that it mixed is left behind.`,
  run: async (args) => {
    const goesOn = args.some((arg) => arg.startsWith("--continue"));
    const hasAdapter = args.some((arg) => arg.startsWith("--adapter"));
    const { values, positionals } = parseArguments(args, {
      options: OPTIONS,
      positionals: goesOn ? [] : hasAdapter ? ["A"] : ["A", "B"],
    });
    const [a = "", b] = positionals;
    const ends = {
      base: path.resolve(a),
      ...(values.adapter === undefined
        ? { tuned: path.resolve(b ?? "") }
        : { adapter: path.resolve(values.adapter) }),
    };
    if (values.continue !== undefined) {
      const sweepDir = path.resolve(values.continue);
      return runFolder(sweepDir, { ...values, isNew: false });
    }
    if (values.sweep !== undefined) {
      const sweepDir = await createSweep(
        {
          ...ends,
          name: values.name,
          alphas: parseAlphas(values.sweep),
          data: namedData(values),
          maxLength: numberOption("max-length", values["max-length"], { min: 1, integer: true }),
        },
        { sweepsDir: path.resolve(SWEEPS_FOLDER), sweepDir: values["sweep-dir"] },
      );
      printError(`sweep ${sweepDir}`);
      return runFolder(sweepDir, { ...values, isNew: true });
    }
    const alpha = numberOption("alpha", values.alpha, { min: 0 });
    if (alpha === undefined || alpha > 1) {
      throw new InputError(`--alpha must be from 0 to 1, found "${values.alpha ?? ""}"`);
    }
    if (values.out === undefined) throw new InputError("--out DIR is missing");
    const outDir = path.resolve(values.out);
    const { stop } = stopOnSignals();
    const mix = await mixOf(ends);
    await mix(alpha, outDir, stop).catch((error: unknown) => {
      throw stop.aborted ? new InputError("stopped; nothing was written") : error;
    });
    print(outDir);
    return 0;
  },
};

function namedData(
  values: Partial<Record<"eval" | "shifted" | "validation", string[] | undefined>>,
): SweepData[] {
  const roles = { eval: "in-distribution", shifted: "shifted", validation: "validation" } as const;
  const data = (Object.entries(roles) as [keyof typeof roles, DataRole][]).flatMap(
    ([option, role]) => (values[option] ?? []).map((text) => namedFile(option, role, text)),
  );
  if (data.length === 0) throw new InputError("--eval NAME=FILE is missing");
  return data;
}

function namedFile(option: string, role: DataRole, text: string): SweepData {
  const at = text.indexOf("=");
  if (at > 0 && at < text.length - 1) {
    return { name: text.slice(0, at), file: path.resolve(text.slice(at + 1)), role };
  }
  throw new InputError(`--${option} must be NAME=FILE, found "${text}"`);
}

async function mixOf({
  base,
  tuned,
  adapter,
}: {
  base: string;
  tuned?: string | undefined;
  adapter?: string | undefined;
}): Promise<Mix> {
  const baseDir = await resolveBase(base, printError);
  if (adapter !== undefined) {
    return (alpha, outDir, signal) =>
      mergeAdapters({
        baseDir,
        adapterDirs: [adapter],
        weights: [alpha],
        outDir,
        ...(signal ? { signal } : {}),
      });
  }
  const other = await resolveBase(tuned ?? "", printError);
  return (alpha, outDir, signal) =>
    mergeModels({
      models: [
        { dir: baseDir, weight: 1 - alpha },
        { dir: other, weight: alpha },
      ],
      outDir,
      ...(signal ? { signal } : {}),
    });
}

async function runFolder(
  sweepDir: string,
  { json, quiet, isNew }: { json: boolean; quiet: boolean; isNew: boolean },
): Promise<number> {
  const outcome = await runSweep(sweepDir, {
    mixOf,
    signals: stopOnSignals(sweepDir),
    // Whoever starts it unseen has seen to that, and may have asked to stop since.
    forgetsStop: !isNew && !quiet,
    onPoint: (point) => (json ? print(JSON.stringify(point)) : undefined),
    onNote: quiet ? () => {} : printError,
  });
  const { state, refused } = outcome;
  // Nothing was computed, and the message says all: a folder would only be in the way.
  if (refused && isNew) await rm(sweepDir, { recursive: true, force: true });
  if (state.status === "failed") return refused ? 2 : 1;
  if (!quiet) printOutcome(sweepDir, outcome, json);
  // What an evaluation was doing when it was stopped would keep the process for minutes.
  if (state.status === "stopped") process.stdout.write("", () => process.exit(1));
  return state.status === "finished" ? 0 : 1;
}

function printOutcome(
  sweepDir: string,
  { definition, state, points }: SweepOutcome,
  isJson: boolean,
): void {
  const summary = summariseSweep(definition, points);
  if (isJson) print(JSON.stringify({ ...summary, status: state.status, sweepDir }));
  else printTable(points, summary);
}

function printTable(points: readonly SweepPoint[], { advice, warnings }: SweepSummary): void {
  const names = Object.keys(points[0]?.results ?? {});
  const head = names.flatMap((name) => [`${name} loss`, `${name} accuracy`]);
  print(["alpha", ...head].join("\t"));
  for (const { alpha, results } of points) {
    const cells = names.flatMap((name) => {
      const { loss, accuracy } = results[name] ?? { loss: NaN };
      return [loss.toFixed(4), accuracy?.toFixed(4) ?? ""];
    });
    print([String(alpha), ...cells].join("\t"));
  }
  for (const line of [...warnings, advice]) print(line);
}
