import path from "node:path";
import { mergeAdapters } from "../merge/adapter-merge.ts";
import { resolveBase } from "../models/base-model.ts";
import { InputError } from "../util/errors.ts";
import { checkMerge } from "./merge-check.ts";
import { type Command, numberOption, parseArguments, print, printError } from "./command.ts";

export const mergeCommand: Command = {
  usage: "merge BASE --adapter DIR [--adapter DIR …] --out DIR",
  summary: "write the base model with adapters merged into its weights",
  help: `  BASE           a Hugging Face folder or a .gguf file
  --adapter DIR  a LoRA or (IA)³ adapter of PEFT's; several are merged in their order
  --weight X     how much of its change is made, one for each adapter (default: 1)
  --out DIR      folder for the merged model; it must not exist yet
  --no-check     do not compare the merged model with base and adapter on sample texts`,
  run: async (args) => {
    const { values, positionals } = parseArguments(args, {
      options: {
        adapter: { type: "string", multiple: true },
        weight: { type: "string", multiple: true },
        out: { type: "string" },
        "no-check": { type: "boolean", default: false },
      },
      positionals: ["BASE"],
    });
    const { adapter: adapterDirs = [], weight, out } = values;
    const weights = weight?.map(
      (text) => numberOption("weight", text, { min: Number.NEGATIVE_INFINITY }) ?? 1,
    );
    if (adapterDirs.length === 0) throw new InputError("--adapter DIR is missing");
    if (out === undefined) throw new InputError("--out DIR is missing");
    const baseDir = await resolveBase(path.resolve(positionals[0] ?? ""), printError);
    const outDir = path.resolve(out);
    await mergeAdapters({ baseDir, adapterDirs, weights, outDir, log: printError });
    const [adapterDir, ...others] = adapterDirs;
    const isPlain = others.length === 0 && (weights?.[0] ?? 1) === 1;
    if (isPlain && adapterDir !== undefined && !values["no-check"]) {
      printError(await checkMerge({ baseDir, adapterDir, outDir }));
    }
    print(outDir);
    return 0;
  },
};
