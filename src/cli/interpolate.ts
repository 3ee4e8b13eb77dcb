import { rm } from "node:fs/promises";
import path from "node:path";
import {
  type DataRole,
  INTERPOLATIONS_FOLDER,
  type InterpolationData,
  type InterpolationPoint,
} from "../protocol/interpolation.ts";
import { createInterpolation, parseAlphas } from "../runs/interpolations/create-interpolation.ts";
import {
  type InterpolationSummary,
  summariseInterpolation,
} from "../runs/interpolations/summary.ts";
import { stopOnSignals } from "../run-folder/stop-request.ts";
import { InputError } from "../util/errors.ts";
import { type Command, numberOption, parseArguments } from "./command.ts";
import { print, printError } from "./output.ts";
import { type MixEnds, mixOf } from "../evaluation/mix.ts";
import { baseName } from "../bases/base-name.ts";
import { resolveBase } from "../bases/load-base.ts";
import { checkMerge, checkMergeOfModels } from "./merge-check.ts";
import { type InterpolationOutcome, runInterpolation } from "../evaluation/run-interpolation.ts";

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
  "interpolation-dir": { type: "string" },
  continue: { type: "string" },
  "no-check": { type: "boolean", default: false },
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
  --no-check              do not compare the mixed model on sample texts with what it was mixed of
  --sweep F:T:S           evaluates each alpha from F to T in steps of S, and keeps none of the models
  --eval NAME=FILE        a data file like what B was tuned for, several times: a test
  --shifted NAME=FILE     a data file of another kind, several times: a test of robustness
  --validation NAME=FILE  a data file that recommends an alpha and tests nothing, several times
  --max-length N          longest row in tokens
  --interpolation-dir DIR the interpolation's folder (default: ${INTERPOLATIONS_FOLDER}/<id> here)
  --name NAME             what the interpolation is called
  --continue DIR          goes on with an interpolation: alphas that have a point are not computed again
  --json                  a JSON line for each point as it arrives, then one for the summary
  --quiet                 says nothing: the interpolation's log.txt tells all
Ctrl+C stops an interpolation; no model that it mixed is left behind.`,
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
      const interpolationDir = path.resolve(values.continue);
      return runFolder(interpolationDir, { ...values, isNew: false });
    }
    if (values.sweep !== undefined) {
      const interpolationDir = await createInterpolation(
        {
          ...ends,
          name: values.name,
          alphas: parseAlphas(values.sweep),
          data: namedData(values),
          maxLength: numberOption("max-length", values["max-length"], { min: 1, integer: true }),
        },
        {
          interpolationsDir: path.resolve(INTERPOLATIONS_FOLDER),
          interpolationDir: values["interpolation-dir"],
        },
      );
      printError(`interpolation ${interpolationDir}`);
      return runFolder(interpolationDir, { ...values, isNew: true });
    }
    const alpha = numberOption("alpha", values.alpha, { min: 0 });
    if (alpha === undefined || alpha > 1) {
      throw new InputError(`--alpha must be from 0 to 1, found "${values.alpha ?? ""}"`);
    }
    if (values.out === undefined) throw new InputError("--out DIR is missing");
    const outDir = path.resolve(values.out);
    const { stop } = stopOnSignals();
    const mix = await mixOf(ends, printError);
    await mix(alpha, outDir, stop).catch((error: unknown) => {
      throw stop.aborted ? new InputError("stopped; nothing was written") : error;
    });
    if (!values["no-check"]) printError(await checkMix(ends, { alpha, outDir, signal: stop }));
    print(outDir);
    return 0;
  },
};

/** As after `retune merge` of the same. */
async function checkMix(
  { base, tuned, adapter }: MixEnds,
  { alpha, outDir, signal }: { alpha: number; outDir: string; signal: AbortSignal },
): Promise<string> {
  const baseDir = await resolveBase(base, printError);
  if (adapter !== undefined) {
    return checkMerge({ baseDir, adapterDirs: [adapter], weights: [alpha], outDir });
  }
  const dirs = [baseDir, await resolveBase(tuned ?? "", printError)];
  const parents = dirs.map((dir) => ({ name: baseName(dir), dir }));
  return checkMergeOfModels({ outDir, parents, signal });
}

function namedData(
  values: Partial<Record<"eval" | "shifted" | "validation", string[] | undefined>>,
): InterpolationData[] {
  const roles = { eval: "in-distribution", shifted: "shifted", validation: "validation" } as const;
  const data = (Object.entries(roles) as [keyof typeof roles, DataRole][]).flatMap(
    ([option, role]) => (values[option] ?? []).map((text) => namedFile(option, role, text)),
  );
  if (data.length === 0) throw new InputError("--eval NAME=FILE is missing");
  return data;
}

function namedFile(option: string, role: DataRole, text: string): InterpolationData {
  const at = text.indexOf("=");
  if (at > 0 && at < text.length - 1) {
    return { name: text.slice(0, at), file: path.resolve(text.slice(at + 1)), role };
  }
  throw new InputError(`--${option} must be NAME=FILE, found "${text}"`);
}

async function runFolder(
  interpolationDir: string,
  { json, quiet, isNew }: { json: boolean; quiet: boolean; isNew: boolean },
): Promise<number> {
  const outcome = await runInterpolation(interpolationDir, {
    mixOf: (ends) => mixOf(ends, printError),
    signals: stopOnSignals(interpolationDir),
    // Whoever starts it unseen has seen to that, and may have asked to stop since.
    forgetsStop: !isNew && !quiet,
    onPoint: (point) => (json ? print(JSON.stringify(point)) : undefined),
    onNote: quiet ? () => {} : printError,
  });
  const { state, refused } = outcome;
  // Nothing was computed, and the message says all: a folder would only be in the way.
  if (refused && isNew) await rm(interpolationDir, { recursive: true, force: true });
  if (state.status === "failed") return refused ? 2 : 1;
  if (!quiet) printOutcome(interpolationDir, outcome, json);
  // What an evaluation was doing when it was stopped would keep the process for minutes.
  if (state.status === "stopped") process.stdout.write("", () => process.exit(1));
  return state.status === "finished" ? 0 : 1;
}

function printOutcome(
  interpolationDir: string,
  { definition, state, points }: InterpolationOutcome,
  isJson: boolean,
): void {
  const summary = summariseInterpolation(definition, points);
  if (isJson) print(JSON.stringify({ ...summary, status: state.status, interpolationDir }));
  else printTable(points, summary);
}

function printTable(
  points: readonly InterpolationPoint[],
  { advice, warnings }: InterpolationSummary,
): void {
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
