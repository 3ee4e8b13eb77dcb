import path from "node:path";
import { mergeAdapters } from "../merge/adapter-merge.ts";
import { resolveBase } from "../models/base-model.ts";
import { InputError } from "../util/errors.ts";
import { type Command, parseArguments, print, printError } from "./command.ts";

export const mergeCommand: Command = {
  usage: "merge BASE --adapter DIR [--adapter DIR …] --out DIR",
  summary: "write the base model with adapters merged into its weights",
  help: `  BASE           a Hugging Face folder or a .gguf file
  --adapter DIR  a PEFT LoRA adapter; several are added up
  --out DIR      folder for the merged model; it must not exist yet`,
  run: async (args) => {
    const { values, positionals } = parseArguments(args, {
      options: { adapter: { type: "string", multiple: true }, out: { type: "string" } },
      positionals: ["BASE"],
    });
    const { adapter: adapterDirs = [], out } = values;
    if (adapterDirs.length === 0) throw new InputError("--adapter DIR is missing");
    if (out === undefined) throw new InputError("--out DIR is missing");
    const baseDir = await resolveBase(path.resolve(positionals[0] ?? ""), printError);
    const outDir = path.resolve(out);
    await mergeAdapters({ baseDir, adapterDirs, outDir, log: printError });
    print(outDir);
    return 0;
  },
};
