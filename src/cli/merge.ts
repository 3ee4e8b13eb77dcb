import { METHOD_NAMES } from "../protocol/merge-methods.ts";
import { InputError } from "../util/errors.ts";
import { type Command, parseArguments } from "./command.ts";
import { mergeAdaptersCommand } from "./merge-adapters.ts";
import { isMergeConfig, mergeModelsCommand } from "./merge-models.ts";
import { MODEL_OPTIONS } from "./merge-options.ts";

/** In lines of the help's width; passthrough needs slices, which only a YAML file says. */
function methodList(): string {
  const names = METHOD_NAMES.filter((name) => name !== "passthrough");
  const lines = [""];
  for (const name of names) {
    if (`${lines.at(-1)} ${name}`.length > 76) lines.push("");
    lines[lines.length - 1] += `${name}, `;
  }
  return lines
    .map((line) => line.trim())
    .join("\n                   ")
    .replace(/,$/u, "");
}

export const mergeCommand: Command = {
  usage: "merge BASE --adapter DIR | CONFIG.yml | A B … --method NAME --out DIR",
  summary: "write a base with adapters merged into it, or several models merged into one",
  help: `Adapters into their base:
  BASE             a Hugging Face folder or a .gguf file
  --adapter DIR    a LoRA or (IA)³ adapter of PEFT's; several are merged in their order
  --weight X       how much of its change is made, one for each adapter (default: 1)
  --unmerge        take the adapter out of a model that it was merged into

Models of one architecture:
  CONFIG.yml       a configuration in mergekit's YAML; paths in it are relative to it
  A B …            or the models themselves, with
  --method NAME    ${methodList()}
  --base BASE      what task vectors are differences to; of slerp and nearswap the first end (slerp: A)
  --weight X       one for all, or one for each model (default: 1)
  --density X      share of each task vector that is kept (default: 1, all)
  --t X            of slerp 0 for the base and 1 for the other, of nearswap how far a value may move
  --lambda X       factor of the whole change (default: 1)
  --[no-]normalize, --[no-]rescale
                   as mergekit's parameters
  --set NAME=VALUE another of mergekit's parameters: gamma, epsilon, select_topk, filter_wise …
  --allow-other-rope
                   mix models whose positions turn at different rates (rope_theta), too
  --evaluate-on F  of model-soup: add models greedily, by their results on this data file
  --dtype TYPE     float32, float16 or bfloat16 (default: as the base's or the first model's)
  --seed N         of DARE's and DELLA's random masks, with a YAML file too (default: 0)
A number may be several with commas: --t 0,0.5,1 runs from the first layer to the last.

  --out DIR        folder for the merged model; it must not exist yet
  --no-check       do not compare the merged model on sample texts with what it was merged of`,
  run: async (args) => {
    const { values, positionals } = parseArguments(args, {
      options: {
        ...MODEL_OPTIONS,
        adapter: { type: "string", multiple: true },
        out: { type: "string" },
        seed: { type: "string" },
        "allow-other-rope": { type: "boolean" },
        unmerge: { type: "boolean", default: false },
        "no-check": { type: "boolean", default: false },
      },
      positionals: ["BASE, CONFIG.yml or A B …"],
      takesMore: true,
    });
    const { adapter: adapterDirs = [], unmerge, "no-check": noCheck, ...rest } = values;
    const { out, seed, "allow-other-rope": allowOtherRope, ...modelOptions } = rest;
    const [base = "", extra] = positionals;
    if (isMergeConfig(base) || values.method !== undefined) {
      if (adapterDirs.length > 0) {
        throw new InputError("--adapter does not go with merging models; merge it first");
      }
      if (unmerge) throw new InputError("--unmerge is for adapters; models can't be taken apart");
      return mergeModelsCommand(positionals, modelOptions, { out, seed, allowOtherRope, noCheck });
    }
    if (extra !== undefined && adapterDirs.length === 0) {
      throw new InputError("--method NAME is missing: it says how the models are merged");
    }
    if (extra !== undefined) throw new InputError(`unexpected argument "${extra}"`);
    const { weight, ...others } = { ...modelOptions, seed, "allow-other-rope": allowOtherRope };
    for (const [name, value] of Object.entries(others)) {
      if (value !== undefined) throw new InputError(`--${name} is for merging models`);
    }
    return mergeAdaptersCommand(base, { adapter: adapterDirs, weight, unmerge, out, noCheck });
  },
};
