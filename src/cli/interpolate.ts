import path from "node:path";
import { mergeAdapters } from "../merge/adapter-merge.ts";
import { mergeModels } from "../merge/model-merge.ts";
import { resolveBase } from "../models/base-model.ts";
import { InputError } from "../util/errors.ts";
import { type Command, numberOption, parseArguments, print, printError } from "./command.ts";
import { type Point, parseSweep, printSweep, summarise, sweep } from "./sweep.ts";

/** Writes the model that lies `alpha` of the way from the base to what it was tuned to. */
export type Mix = (alpha: number, outDir: string) => Promise<void>;

export const interpolateCommand: Command = {
  usage: "interpolate A [B | --adapter DIR] --alpha X --out DIR | --sweep 0:1:0.1 --eval NAME=FILE",
  summary: "mix a base with what it was tuned to (WiSE-FT), or see what each mix does",
  help: `  A, B              Hugging Face folders (or a .gguf) of one architecture: alpha 0 is A, alpha 1 is B
  --adapter DIR     instead of B: A with so much of the adapter's change
  --alpha X         from 0 to 1
  --out DIR         folder for the mixed model; it must not exist yet
  --sweep F:T:S     evaluates each alpha from F to T in steps of S, and keeps none of the models
  --eval NAME=FILE  a .jsonl file to evaluate on, several times
  --choose NAME     which of them recommends an alpha: a validation split, never a test split
  --max-length N    longest row in tokens
  --json            the sweep as one JSON object`,
  run: async (args) => {
    const { values, positionals } = parseArguments(args, {
      options: {
        adapter: { type: "string" },
        alpha: { type: "string" },
        out: { type: "string" },
        sweep: { type: "string" },
        eval: { type: "string", multiple: true },
        choose: { type: "string" },
        "max-length": { type: "string" },
        json: { type: "boolean", default: false },
      },
      positionals: args.some((arg) => arg.startsWith("--adapter")) ? ["A"] : ["A", "B"],
    });
    const [a = "", b] = positionals;
    const mix = await mixOf(a, b, values.adapter);
    if (values.sweep !== undefined) {
      const files = (values.eval ?? []).map(namedFile);
      const maxLength = numberOption("max-length", values["max-length"], { min: 1, integer: true });
      const alphas = parseSweep(values.sweep);
      const log = values.json ? () => {} : printError;
      const points: Point[] = await sweep({ mix, alphas, files, maxLength, log });
      const summary = summarise(points, values.choose);
      if (values.json) print(JSON.stringify({ points, ...summary }));
      else printSweep(points, summary);
      return 0;
    }
    const alpha = numberOption("alpha", values.alpha, { min: 0 });
    if (alpha === undefined || alpha > 1) {
      throw new InputError(`--alpha must be from 0 to 1, found "${values.alpha ?? ""}"`);
    }
    if (values.out === undefined) throw new InputError("--out DIR is missing");
    const outDir = path.resolve(values.out);
    await mix(alpha, outDir);
    print(outDir);
    return 0;
  },
};

async function mixOf(a: string, b: string | undefined, adapter: string | undefined): Promise<Mix> {
  const baseDir = await resolveBase(path.resolve(a), printError);
  if (adapter !== undefined) {
    return (alpha, outDir) =>
      mergeAdapters({ baseDir, adapterDirs: [path.resolve(adapter)], weights: [alpha], outDir });
  }
  const other = await resolveBase(path.resolve(b ?? ""), printError);
  return (alpha, outDir) =>
    mergeModels({
      models: [
        { dir: baseDir, weight: 1 - alpha },
        { dir: other, weight: alpha },
      ],
      outDir,
    });
}

function namedFile(text: string): { name: string; file: string } {
  const at = text.indexOf("=");
  if (at > 0) return { name: text.slice(0, at), file: text.slice(at + 1) };
  throw new InputError(`--eval must be NAME=FILE, found "${text}"`);
}
