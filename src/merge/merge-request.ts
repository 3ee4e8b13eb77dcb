/** A merge as it is asked for, by a YAML file or by options of the command line. */
import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import { LineCounter, type ParsedNode, isMap, parseDocument } from "yaml";
import type * as z from "zod";
import { type MergeConfig, mergeConfigSchema, methodNameSchema } from "../protocol/merge-config.ts";
import { InputError, errorMessage, hasCode } from "../util/errors.ts";

export interface MergeRequest {
  /** Models are absolute folders. */
  config: MergeConfig;
  /** Where a setting stands, for messages: "FILE:LINE", or the option. */
  where: Where;
  /** Of random masks. */
  seed: number;
}

export type Keys = readonly PropertyKey[];
export type Where = (keys: Keys) => string;

const MAX_CONFIG_BYTES = 1_000_000;

/**
 * mergekit's YAML. @param file its folder is where relative paths begin
 * @throws InputError naming file and line of the key that is wrong, or that Retune does not know
 */
export async function readMergeConfig(
  file: string,
): Promise<{ config: MergeConfig; where: Where }> {
  const text = await readText(file);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const [error] = document.errors;
  if (error) {
    const [reason = ""] = error.message.split("\n");
    const line = lines.linePos(error.pos[0]).line;
    throw new InputError(`${file}:${line}: not valid YAML: ${reason.replace(/ at line .*$/u, "")}`);
  }
  const where: Where = (keys) => `${file}:${lines.linePos(offsetOf(document.contents, keys)).line}`;
  const parsed = mergeConfigSchema.safeParse(document.toJS());
  if (!parsed.success) throw describeIssue(parsed.error.issues[0], where);
  const folder = path.dirname(path.resolve(file));
  return { config: await withFolders(parsed.data, { folder, where }), where };
}

async function readText(file: string): Promise<string> {
  try {
    const { size } = await stat(file);
    if (size > MAX_CONFIG_BYTES) throw new InputError(`${file} is ${size} bytes, no configuration`);
    return await readFile(file, "utf8");
  } catch (error) {
    if (error instanceof InputError) throw error;
    if (hasCode(error, "ENOENT")) throw new InputError(`${file} does not exist`);
    throw new InputError(`${file} cannot be read: ${errorMessage(error)}`, { cause: error });
  }
}

/** Of the key where there is one, else of the value; of the nearest parent that exists. */
function offsetOf(root: ParsedNode | null, keys: Keys): number {
  let node: ParsedNode | null | undefined = root;
  let offset = root?.range[0] ?? 0;
  for (const key of keys) {
    if (isMap(node)) {
      const pair = node.items.find((item) => (item.key as { value?: unknown }).value === key);
      if (!pair) return offset;
      offset = (pair.key as ParsedNode).range[0];
      node = pair.value as ParsedNode | null;
    } else if (node && "items" in node && typeof key === "number") {
      node = node.items[key] as ParsedNode | undefined;
      offset = node?.range?.[0] ?? offset;
    } else return offset;
  }
  return offset;
}

type Issue = z.core.$ZodIssue;

function describeIssue(issue: Issue | undefined, where: Where): InputError {
  if (!issue) return new InputError(`${where([])}: not a merge configuration`);
  const { path: keys } = issue;
  if (issue.code === "unrecognized_keys") {
    const [key = ""] = issue.keys;
    const known = knownKeys(keys);
    return new InputError(
      `${where([...keys, key])}: key "${[...keys, key].join(".")}" is not supported; ${known}`,
    );
  }
  if (keys[0] === "merge_method") {
    return new InputError(
      `${where(keys)}: merge_method is not supported; there are ${methodNameSchema.options.join(", ")} (or with _ for -)`,
    );
  }
  const message = issue.message.replaceAll(/\s+/gu, " ");
  return new InputError(`${where(keys)}: ${keys.join(".") || "the file"}: ${message}`);
}

function knownKeys(keys: Keys): string {
  const last = keys.findLast((key) => typeof key === "string");
  if (last === undefined) return `there are ${Object.keys(mergeConfigSchema.shape).join(", ")}`;
  return last === "parameters"
    ? "there are weight, density, t, scale, lambda, normalize, rescale, int8_mask"
    : "remove it";
}

/** Paths relative to `folder` made absolute. @throws InputError for a model that is none */
async function withFolders(
  config: MergeConfig,
  { folder, where }: { folder: string; where: Where },
): Promise<MergeConfig> {
  const absolute = (model: string): string => path.resolve(folder, model);
  for (const [keys, model] of namedModels(config)) {
    const dir = absolute(model);
    if (await stat(dir).catch(() => undefined)) continue;
    const advice = model.includes("+")
      ? 'merge the adapter after "+" first ("retune merge BASE --adapter DIR"), and name the result'
      : "nothing is fetched: download the model and name its folder";
    throw new InputError(`${where(keys)}: model ${model} is no folder (${dir}); ${advice}`);
  }
  return mapModels(
    {
      ...config,
      ...(config.evaluate_on === undefined ? {} : { evaluate_on: absolute(config.evaluate_on) }),
    },
    absolute,
  );
}

/** Every place where a model is named. */
function namedModels({ base_model, models = [], slices = [] }: MergeConfig): [Keys, string][] {
  return [
    ...(base_model === undefined ? [] : [[["base_model"], base_model] as [Keys, string]]),
    ...models.map(({ model }, i): [Keys, string] => [["models", i, "model"], model]),
    ...slices.flatMap(({ sources }, i) =>
      sources.map(({ model }, j): [Keys, string] => [["slices", i, "sources", j, "model"], model]),
    ),
  ];
}

/** The folders of all models, each once. */
export function modelsOf(config: MergeConfig): string[] {
  return [...new Set(namedModels(config).map(([, model]) => model))];
}

export function mapModels(config: MergeConfig, map: (model: string) => string): MergeConfig {
  const { base_model, models, slices, tokenizer_source } = config;
  const named = <T extends { model: string }>(one: T): T => ({ ...one, model: map(one.model) });
  const isModel = tokenizer_source !== undefined && !/^(base|union)$/u.test(tokenizer_source);
  return {
    ...config,
    ...(base_model === undefined ? {} : { base_model: map(base_model) }),
    ...(models ? { models: models.map(named) } : {}),
    ...(slices
      ? { slices: slices.map((slice) => ({ ...slice, sources: slice.sources.map(named) })) }
      : {}),
    ...(isModel ? { tokenizer_source: map(tokenizer_source) } : {}),
  };
}
