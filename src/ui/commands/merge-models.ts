/** Method → base → models → its numbers → output folder; `retune merge` does the work and can be cancelled. */
import path from "node:path";
import * as vscode from "vscode";
import {
  askedParameters,
  METHOD_NAMES,
  type MethodName,
  methodWords,
} from "../../protocol/merge-methods.ts";
import type { App } from "../app.ts";
import type { Choice } from "../ask/question.ts";
import { askInSteps, type Wizard } from "../ask/wizard.ts";
import type { ModelEntry } from "../catalogs/model-catalog.ts";
import { requireTrust } from "../trust.ts";
import { describeModel } from "../views/entry-text.ts";
import { askOutput } from "./ask-output.ts";
import { baseOf } from "./pick-base.ts";
import { numbersIn, numbersProblem, optionFor, resultName } from "./merge-answers.ts";
import { writeModel } from "./write-model.ts";

/** Its layers are chosen in a YAML file. */
const NOT_BY_CLICK: readonly MethodName[] = ["passthrough"];
const NO_BASE = "";

interface Merge {
  models: readonly ModelEntry[];
  args: readonly string[];
  out: string;
}

/** @returns the merged model's folder; undefined when cancelled */
export async function mergeModels(app: App, argument: unknown): Promise<string | undefined> {
  requireTrust();
  const merge = await askInSteps("Merge Models", (wizard) => askForMerge(app, wizard, argument));
  if (merge === undefined) return undefined;
  const { models, args, out } = merge;
  const isWritten = await writeModel(app, {
    title: `Merging ${models.map(({ label }) => label).join(", ")}`,
    args: ["merge", ...models.map((model) => model.path), ...args, "--out", out],
    message: `Merged: ${path.basename(out)} is a whole model now.`,
  });
  return isWritten ? out : undefined;
}

async function askForMerge(app: App, wizard: Wizard, argument: unknown): Promise<Merge> {
  const all = (await app.models.entries()).filter(({ summary }) => summary !== undefined);
  if (all.length < 2) {
    wizard.refuse("A merge needs two models or more; fewer were found. Add their folder first.");
  }
  const first = baseOf(argument);
  wizard.expect(4);
  const method = await askMethod(wizard, all.length);
  const asked = askedParameters(method);
  const needsBase = methodWords(method).base !== "none";
  wizard.expect(3 + Number(needsBase) + asked.length);
  const base = needsBase ? await askBase(wizard, method, all) : NO_BASE;
  const models = await askModels(wizard, method, {
    candidates: all.filter((model) => model.path !== base),
    first,
  });
  const args = ["--method", method, ...(base === NO_BASE ? [] : ["--base", base])];
  for (const { name, of, text, proposal } of asked) {
    const isEach = of === "each model" && (name === "weight" || name === "density");
    const labels = isEach ? models.map(({ label }) => label) : [];
    const numbers = await askNumbers(wizard, `${name}: ${text}`, { proposal, labels });
    for (const number of numbers) args.push(optionFor(name, number));
  }
  const isOfBase = base === NO_BASE ? [] : all.filter((model) => model.path === base);
  const out = await askOutput(wizard, {
    prompt: "Folder for the merged model; it must not exist yet",
    name: resultName([...isOfBase, ...models], method),
    beside: models[0]?.path ?? base,
  });
  return { models, args, out };
}

function askMethod(wizard: Wizard, count: number): Promise<MethodName> {
  const fits = (name: MethodName): boolean => {
    const { models, base } = methodWords(name);
    return models.min + Number(base === "needed") <= count && !NOT_BY_CLICK.includes(name);
  };
  return wizard.pick({
    placeHolder: "Merge models by which method?",
    choices: () =>
      METHOD_NAMES.filter(fits).map((name) => {
        const { title, description, paper, base } = methodWords(name);
        const needs =
          base === "needed" ? "Needs a base" : base === "optional" ? "Base or none" : "";
        const detail = [needs, paper].filter(Boolean).join(" · ");
        return { label: title, description, detail, value: name };
      }),
  });
}

function askBase(wizard: Wizard, method: MethodName, all: readonly ModelEntry[]): Promise<string> {
  const none: Choice<string> = { label: "No base", icon: "circle-slash", value: NO_BASE };
  return wizard.pick({
    placeHolder: "What is the base, from which the others differ?",
    choices: () => [
      ...all.map((model) => choiceOf(model, model.path)),
      ...(methodWords(method).base === "optional" ? [none] : []),
    ],
  });
}

/** The base is not among them. */
async function askModels(
  wizard: Wizard,
  method: MethodName,
  { candidates, first }: { candidates: readonly ModelEntry[]; first: string | undefined },
): Promise<readonly ModelEntry[]> {
  const { min, max } = methodWords(method).models;
  if (max === 1) {
    return [
      await wizard.pick({
        placeHolder: "Which model is merged with the base?",
        choices: () => candidates.map((model) => choiceOf(model, model)),
      }),
    ];
  }
  const least = methodWords(method).base === "needed" ? min : Math.max(2, min);
  const counts = max === least ? `${least}` : `${least} or more`;
  return wizard.pickMany({
    placeHolder: `Which models are merged? ${counts}, of one architecture.`,
    accepts: (count) => count >= least && count <= max,
    choices: () =>
      candidates.map((model) => ({
        ...choiceOf(model, model),
        picked: model.path === first,
      })),
  });
}

function choiceOf<T>(model: ModelEntry, value: T): Choice<T> {
  return {
    id: model.path,
    label: model.label,
    description: describeModel(model),
    detail: vscode.workspace.asRelativePath(model.path),
    value,
  };
}

/** One number, or one for each label. */
async function askNumbers(
  wizard: Wizard,
  what: string,
  { proposal, labels }: { proposal: number; labels: readonly string[] },
): Promise<string[]> {
  const count = Math.max(1, labels.length);
  const order = count > 1 ? `; one each, with spaces between, for ${labels.join(", ")}` : "";
  const text = await wizard.input({
    prompt: `${what}${order}`,
    value: Array.from({ length: count }, () => String(proposal)).join(" "),
    validate: (typed) => numbersProblem(typed, count),
  });
  return numbersIn(text);
}
