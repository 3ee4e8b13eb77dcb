import type { ResolvedRecipe } from "../../src/protocol/recipe.ts";
import type { MethodView } from "../../src/protocol/method.ts";
import type { ObjectiveView } from "../../src/protocol/objective.ts";
import type { RunView } from "../../src/protocol/panel-messages.ts";
import { baseName, formatBytes, formatCount, formatNumber } from "../shared/format.ts";

interface Setting {
  label: string;
  value: string;
  /** Shown when the value is shortened: the whole path, the whole list. */
  title?: string;
}

export interface SettingGroup {
  title: string;
  settings: Setting[];
}

/** The settings as the run used them: every default filled in, grouped the way a person asks. */
export function settingGroups(
  recipe: ResolvedRecipe,
  { method, objective }: Pick<RunView, "method" | "objective">,
): SettingGroup[] {
  return [
    { title: "Model", settings: modelSettings(recipe, method) },
    { title: "Data", settings: dataSettings(recipe, objective) },
    { title: "Optimizer", settings: optimizerSettings(recipe) },
    { title: "Run", settings: runSettings(recipe, objective) },
    { title: "Origin", settings: originSettings(recipe) },
  ];
}

function modelSettings(recipe: ResolvedRecipe, method: MethodView | undefined): Setting[] {
  return [file("Base model", recipe.base), ...methodSettings(method), ...layerSettings(recipe)];
}

function methodSettings(method: MethodView | undefined): Setting[] {
  return (method?.settings ?? []).map(({ label, value }) => ({
    label,
    value: typeof value === "number" ? formatNumber(value) : value,
  }));
}

function layerSettings({ freeze, trainFirst, trainLast }: ResolvedRecipe): Setting[] {
  const settings: Setting[] = [];
  if (trainFirst !== undefined)
    settings.push({ label: "Train first", value: `${trainFirst} blocks` });
  if (trainLast !== undefined) settings.push({ label: "Train last", value: `${trainLast} blocks` });
  if (freeze !== undefined) settings.push({ label: "Frozen", value: freeze.join(", ") });
  return settings;
}

function dataSettings({ data }: ResolvedRecipe, objective: ObjectiveView): Setting[] {
  const evaluation =
    data.eval !== undefined
      ? file("Eval", data.eval)
      : {
          label: "Eval",
          value: data.evalSplit === undefined ? "none" : `${data.evalSplit * 100} % of train`,
        };
  return [
    file("Train", data.train),
    evaluation,
    { label: "Format", value: data.format },
    ...objective.settings,
    { label: "Max length", value: `${formatCount(data.maxLength)} tokens` },
    { label: "Overlong rows", value: data.overlong },
    { label: "Packing", value: data.packing === "auto" ? "auto" : data.packing ? "on" : "off" },
  ];
}

/** What one optimizer step takes, in what `batchSize` counts. */
function batchSetting({ batchSize, accumulate, data }: ResolvedRecipe): Setting {
  if (data.packing !== true) {
    return {
      label: "Batch",
      value: `${batchSize} × ${accumulate} = ${batchSize * accumulate} rows`,
      title: "rows per micro-batch × micro-batches per optimizer step",
    };
  }
  const tokens = batchSize * data.maxLength;
  return {
    label: "Batch",
    value: `up to ${formatCount(tokens)} × ${accumulate} = ${formatCount(tokens * accumulate)} tokens`,
    title: "tokens per micro-batch × micro-batches per optimizer step",
  };
}

function optimizerSettings({ optimizer }: ResolvedRecipe): Setting[] {
  const warmup = optimizer.warmupSteps;
  return [
    { label: "Optimizer", value: "AdamW" },
    { label: "Learning rate", value: formatNumber(optimizer.learningRate) },
    ...Object.entries(optimizer.learningRates ?? {}).map(([pattern, rate]) => ({
      label: `… of ${pattern}`,
      value: formatNumber(rate),
    })),
    { label: "Schedule", value: optimizer.schedule },
    {
      label: "Warm-up",
      value: warmup > 0 && warmup < 1 ? `${warmup * 100} % of steps` : `${warmup} steps`,
    },
    { label: "Weight decay", value: formatNumber(optimizer.weightDecay) },
    { label: "Betas", value: optimizer.betas.join(", ") },
    { label: "Epsilon", value: formatNumber(optimizer.epsilon) },
    {
      label: "Max grad norm",
      value: optimizer.maxGradNorm === 0 ? "off" : formatNumber(optimizer.maxGradNorm),
    },
  ];
}

function runSettings(recipe: ResolvedRecipe, objective: ObjectiveView): Setting[] {
  const everySteps = (every: number) => (every === 0 ? "at the end" : `every ${every} steps`);
  const { maxSteps } = recipe;
  const settings: Setting[] = [
    ...deviceSettings(recipe),
    ...memorySettings(recipe),
    batchSetting(recipe),
    { label: "Epochs", value: formatNumber(recipe.epochs) },
    ...(maxSteps === undefined ? [] : [{ label: "Max steps", value: formatCount(maxSteps) }]),
    { label: "Seed", value: String(recipe.seed) },
    { label: "Evaluate", value: everySteps(recipe.evalEvery) },
    { label: "Save", value: `${everySteps(recipe.saveEvery)}, keep ${recipe.keepCheckpoints}` },
    { label: "Keep best", value: keepBestText(recipe, objective) },
  ];
  if (recipe.earlyStop !== undefined) {
    settings.push({ label: "Early stop", value: `after ${recipe.earlyStop.patience} evaluations` });
  }
  if (recipe.threads !== undefined) {
    settings.push({ label: "Threads", value: String(recipe.threads) });
  }
  return settings;
}

/** The device that computes; until the run has found it, the one that is asked for. */
function deviceSettings({ device, usedDevice }: ResolvedRecipe): Setting[] {
  if (!usedDevice) return device === undefined ? [] : [{ label: "Device", value: device }];
  const { name, precision, note } = usedDevice;
  const isAsked = device === "auto" || device === name;
  const used = precision === "bfloat16" ? `${name}, bfloat16` : name;
  const value = isAsked ? used : `${used}, not ${device}`;
  return [{ label: "Device", value, ...(note === undefined ? {} : { title: note }) }];
}

/** The memory mode that is used; until the run has chosen, the one that is asked for. */
function memorySettings({ memory, usedMemory }: ResolvedRecipe): Setting[] {
  if (!usedMemory) return memory === undefined ? [] : [{ label: "Memory mode", value: memory }];
  const { mode, predictedBytes } = usedMemory;
  const title = `predicted peak: ${formatBytes(predictedBytes)}`;
  return [{ label: "Memory mode", value: mode, title }];
}

function originSettings({ source, versions, engine, hashes }: ResolvedRecipe): Setting[] {
  const settings: Setting[] = [
    { label: "Created", value: new Date(source.createdAt).toLocaleString() },
    { label: "Engine", value: typeof engine === "string" ? engine : engine.type },
    { label: "Retune", value: source.retuneVersion },
  ];
  if (source.recipePath !== undefined) settings.push(file("Recipe", source.recipePath));
  for (const [name, version] of Object.entries(versions ?? {})) {
    settings.push({ label: name, value: version });
  }
  for (const [path, hash] of Object.entries(hashes ?? {})) {
    settings.push({
      label: baseName(path),
      value: `sha256 ${hash.slice(0, 12)}…`,
      title: `${path}\nsha256 ${hash}`,
    });
  }
  return settings;
}

function file(label: string, path: string): Setting {
  return { label, value: baseName(path), title: path };
}

function keepBestText({ keepBest, bestBy }: ResolvedRecipe, { figures }: ObjectiveView): string {
  if (!keepBest) return "no";
  const label = figures.find(({ best }) => best?.by === bestBy)?.label;
  return label === undefined ? "yes" : `yes, by ${label.charAt(0).toLowerCase()}${label.slice(1)}`;
}
