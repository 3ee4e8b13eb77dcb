import { stat } from "node:fs/promises";
import path from "node:path";
import { type Format, detectFormat, readConversation } from "../data/formats.ts";
import { isDataFile } from "../protocol/data-files.ts";
import { readRows } from "../data/rows/read-rows.ts";
import type { ForeignRecipe } from "../protocol/foreign-recipe.ts";
import { readEngineRun } from "../runs/engine-status.ts";
import { InputError } from "../util/errors.ts";
import { formatBytes, formatCount, formatLoss, formatShape } from "../util/format.ts";
import { pathExists } from "../util/path-exists.ts";
import { summariseAdapter, summariseModel } from "../cards/model-summary.ts";
import { isGgufName } from "../gguf/file-name.ts";
import { isGgufAdapter } from "../gguf/adapter.ts";
import { readGgufHeader } from "../gguf/header.ts";
import { adapterFolder } from "../adapter-files/peft/folder.ts";
import { type Command, parseArguments } from "./command.ts";
import { print } from "./output.ts";
import { inspectRecipe } from "./inspect-recipe.ts";
import { largest } from "../util/largest.ts";

interface Inspection {
  kind: "model" | "adapter" | "dataset" | "run";
  /** What `--json` prints beside the kind. */
  facts: object;
  lines: readonly string[];
}

async function inspectModel(model: string): Promise<Inspection> {
  const summary = await summariseModel(model);
  const { modelType, parameters, dtype, bytes, tensors, quantised } = summary;
  const width = largest(tensors.map(({ name }) => name.length));
  return {
    kind: "model",
    facts: summary,
    lines: [
      `model ${model}`,
      `${modelType}, ${formatCount(parameters)} parameters, ${dtype}, ${formatBytes(bytes)}, ${tensors.length} tensors`,
      ...(quantised === undefined ? [] : [quantised]),
      ...tensors.map(
        (t) => `  ${t.name.padEnd(width)}  ${t.dtype.padEnd(4)}  ${formatShape(t.shape)}`,
      ),
    ],
  };
}

async function inspectAdapter(dir: string): Promise<Inspection> {
  const summary = await summariseAdapter(dir);
  const { method, rank, alpha, positions, virtualTokens, parameters, bytes } = summary;
  const { base = "unknown", targets } = summary;
  const size = rank === undefined ? [] : [`rank ${rank}`];
  if (alpha !== undefined) size.push(`alpha ${alpha}`);
  if (positions !== undefined) size.push(positions);
  if (virtualTokens !== undefined) size.push(`${virtualTokens} virtual tokens`);
  const facts = [method, ...size, `${formatCount(parameters)} parameters`, formatBytes(bytes)];
  return {
    kind: "adapter",
    facts: summary,
    lines: [
      `adapter ${dir}`,
      facts.join(", "),
      `base ${base}`,
      ...(targets.length === 0 ? [] : [`targets ${targets.join(", ")}`]),
    ],
  };
}

async function inspectDataset(file: string): Promise<Inspection> {
  const formats: Partial<Record<Format, number>> = {};
  let rows = 0;
  for await (const row of readRows(file)) {
    const format = detectFormat(row, file);
    readConversation(row, format, file);
    formats[format] = (formats[format] ?? 0) + 1;
    rows++;
  }
  if (rows === 0) throw new InputError(`${file} has no rows`);
  const { size: bytes } = await stat(file);
  const counts = Object.entries(formats).map(([format, count]) => `${count} ${format}`);
  return {
    kind: "dataset",
    facts: { rows, formats, bytes },
    lines: [`dataset ${file}`, `${rows} rows (${counts.join(", ")}), ${formatBytes(bytes)}`],
  };
}

async function inspectRun(dir: string): Promise<Inspection | undefined> {
  const run = await readEngineRun(dir);
  if (run === undefined) return undefined;
  const { name, status, state, recipe, foreign, problem } = run;
  const evalLoss = state?.bestEvalLoss ?? state?.evalLoss;
  return {
    kind: "run",
    facts: { ...run },
    lines: [
      `run ${dir}`,
      `${name}: ${status}${state?.message === undefined ? "" : ` (${state.message})`}`,
      ...(problem === undefined ? [] : [problem]),
      ...(state ? [`step ${state.step} of ${state.totalSteps ?? "unknown"}`] : []),
      ...(state?.loss === undefined ? [] : [`loss ${formatLoss(state.loss)}`]),
      ...(evalLoss === undefined ? [] : [`eval loss ${formatLoss(evalLoss)}`]),
      ...(recipe ? [`base ${recipe.base}`, `method ${recipe.method.type}`] : []),
      ...(foreign ? foreignLines(foreign, recipe !== undefined) : []),
    ],
  };
}

function foreignLines(foreign: ForeignRecipe, isRestKnown: boolean): string[] {
  const facts = isRestKnown
    ? []
    : (["base", "engine", "method", "objective"] as const).flatMap((key) =>
        foreign[key] === undefined ? [] : [`${key} ${foreign[key]}`],
      );
  return [...facts, `shown, not resumed here: ${foreign.reason}`];
}

async function inspect(target: string): Promise<Inspection> {
  const found = await stat(target).catch(() => undefined);
  if (!found) throw new InputError(`${target} does not exist`);
  const has = (name: string): Promise<boolean> => pathExists(path.join(target, name));
  if (found.isFile()) {
    if (isGgufName(target)) {
      const isAdapter = isGgufAdapter(await readGgufHeader(target));
      return isAdapter ? inspectAdapter(target) : inspectModel(target);
    }
    if (adapterFolder(target) !== target) return inspectAdapter(adapterFolder(target));
    if (isDataFile(target)) return inspectDataset(target);
  } else {
    if ((await has("adapter_config.json")) || (await has("reft_config.json")))
      return inspectAdapter(target);
    if (await has("config.json")) return inspectModel(target);
    const run = await inspectRun(target);
    if (run) return run;
  }
  throw new InputError(
    `${target} is no model (config.json or .gguf), adapter (adapter_config.json or reft_config.json), dataset (.jsonl, .json, .csv, .tsv, .parquet) or run (state.json)`,
  );
}

export const inspectCommand: Command = {
  usage: "inspect PATH | --recipe RECIPE [--json]",
  summary: "what a model, adapter, dataset or run is, or what a recipe will take",
  help: `  PATH             a model folder, a .gguf, an adapter folder, a data file or a run folder
  --recipe RECIPE  trainable parameters, memory by part, and the time of a step,
                   measured in two steps that change nothing
  --no-measure     with --recipe: from the files' headers alone
  --data           with --recipe: reads and tokenises all rows, as the run will
  --json           everything as one JSON object; with --data a line of it for the budget, then
                   one for the data ("rows", …) or the problem ("message", "file", "line", "column")`,
  run: async (args) => {
    const { values, positionals } = parseArguments(args, {
      options: {
        recipe: { type: "string" },
        "no-measure": { type: "boolean", default: false },
        data: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
      },
      positionals: args.some((one) => /^--recipe(=|$)/u.test(one)) ? [] : ["PATH"],
    });
    if (values.recipe !== undefined) {
      const { recipe, json, data, "no-measure": unmeasured } = values;
      await inspectRecipe(recipe, { json, data, measure: !unmeasured });
      return 0;
    }
    const { kind, facts, lines } = await inspect(path.resolve(positionals[0] ?? ""));
    if (values.json) print(JSON.stringify({ kind, ...facts }));
    else for (const line of lines) print(line);
    return 0;
  },
};
