/** mergekit's YAML, read as mergekit reads it: YAML 1.1, anchors and merge keys, numbers and switches as text too. */
import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import {
  type Document,
  LineCounter,
  type ParsedNode,
  type Tags,
  isMap,
  isScalar,
  parseDocument,
} from "yaml";
import type * as z from "zod";
import { type MergeConfig, mergeConfigSchema } from "../../protocol/merge-config.ts";
import { MERGE_PARAMETERS, METHOD_NAMES } from "../../protocol/merge-methods.ts";
import { InputError, errorMessage, hasCode } from "../../util/errors.ts";
import { type AdaptedModel, type Keys, type Where, mapModels, namedModels } from "./request.ts";
import { resolveReference } from "./model-and-adapter.ts";

const MAX_CONFIG_BYTES = 1_000_000;

export interface MergeFile {
  config: MergeConfig;
  where: Where;
  notes: readonly string[];
  adapters: ReadonlyMap<string, AdaptedModel>;
}

/**
 * mergekit's YAML. @param file its folder is where relative paths begin
 * @throws InputError naming file and line of the key that is wrong, or that Retune does not know
 */
export async function readMergeConfig(file: string): Promise<MergeFile> {
  const text = await readText(file);
  const lines = new LineCounter();
  const document = readShallow(file, () =>
    parseDocument(text, { lineCounter: lines, version: "1.1", customTags }),
  );
  const [error] = document.errors;
  if (error) {
    const [reason = ""] = error.message.split("\n");
    // The parser tells of its own stack so, as of what is wrong in the text.
    if (reason.includes("call stack")) throw tooDeep(file);
    const line = lines.linePos(error.pos[0]).line;
    throw new InputError(`${file}:${line}: not valid YAML: ${reason.replace(/ at line .*$/u, "")}`);
  }
  const at: Where = (keys) => `${file}:${lines.linePos(offsetOf(document, keys)).line}`;
  const parsed = readShallow(file, () =>
    mergeConfigSchema.safeParse(withoutHolders(document), { reportInput: true }),
  );
  if (!parsed.success) throw describeIssue(parsed.error.issues[0], at);
  const { config, where } = withoutModules(parsed.data, at);
  const folder = path.dirname(path.resolve(file));
  const { adapters, ...found } = await withFolders(config, { folder, where });
  return { config: found.config, where, notes: ignored(config, where), adapters };
}

/** @throws InputError where brackets are nested so deep that the stack does not hold them */
function readShallow<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw tooDeep(file);
  }
}

function tooDeep(file: string): InputError {
  return new InputError(`${file}: nested too deep to be a merge configuration`);
}

/** PyYAML takes "y" and "n" for text. */
function customTags(tags: Tags): Tags {
  return tags.map((tag) =>
    typeof tag === "object" && tag.tag === "tag:yaml.org,2002:bool" && "test" in tag && tag.test
      ? {
          ...tag,
          test: tag.test.test("yes")
            ? /^(?:[Yy]es|YES|[Tt]rue|TRUE|[Oo]n|ON)$/u
            : /^(?:[Nn]o|NO|[Ff]alse|FALSE|[Oo]ff|OFF)$/u,
        }
      : tag,
  );
}

/** Without what is there for its anchor alone, and without what is empty. */
function withoutHolders(document: Document.Parsed): unknown {
  const content: unknown = withoutNull(document.toJS());
  const { contents } = document;
  if (!isMap(contents) || typeof content !== "object" || content === null) return content;
  const known = new Set(Object.keys(mergeConfigSchema.shape));
  const holders = contents.items.filter(
    ({ key, value }) =>
      isScalar(key) &&
      !known.has(String(key.value)) &&
      typeof (value as { anchor?: unknown } | null)?.anchor === "string",
  );
  const names = new Set(holders.map(({ key }) => String((key as { value?: unknown }).value)));
  return Object.fromEntries(Object.entries(content).filter(([name]) => !names.has(name)));
}

/** A key with nothing behind it is as if it were not there, as in mergekit. */
function withoutNull(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNull);
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(([, own]) => own !== null);
  return Object.fromEntries(kept.map(([key, own]) => [key, withoutNull(own)]));
}

/** @throws InputError where both say what is merged */
function withoutModules(config: MergeConfig, at: Where): { config: MergeConfig; where: Where } {
  const { modules, ...rest } = config;
  if (!modules) return { config, where: at };
  if (rest.models || rest.slices) {
    throw new InputError(`${at(["modules"])}: give models, slices or modules, one of them`);
  }
  const { models, slices, parameters } = modules.default ?? {};
  const where: Where = (keys) =>
    at(keys[0] === "models" || keys[0] === "slices" ? ["modules", "default", ...keys] : keys);
  return {
    config: {
      ...rest,
      ...(models ? { models } : {}),
      ...(slices ? { slices } : {}),
      ...(parameters ? { modules: { default: { parameters } } } : {}),
    } as MergeConfig,
    where,
  };
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

/** The place of the key where there is one, else of the value; of the nearest parent that exists. */
function offsetOf({ contents: root }: Document.Parsed, keys: Keys): number {
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
    return new InputError(
      `${where([...keys, key])}: key "${[...keys, key].join(".")}" is not supported; ${knownKeys(keys)}`,
    );
  }
  if (keys[0] === "merge_method") {
    const given = issue.input === undefined ? "" : ` ${JSON.stringify(issue.input)}`;
    return new InputError(
      `${where(keys)}: merge_method${given} is not supported; there are ${METHOD_NAMES.join(", ")} (or with _ for -)`,
    );
  }
  const message = issue.message.replaceAll(/\s+/gu, " ");
  return new InputError(`${where(keys)}: ${keys.join(".") || "the file"}: ${message}`);
}

function knownKeys(keys: Keys): string {
  const last = keys.findLast((key) => typeof key === "string");
  if (last === undefined) return `there are ${Object.keys(mergeConfigSchema.shape).join(", ")}`;
  if (last === "modules") return "of a language model there is default";
  return last === "parameters"
    ? `there are ${Object.keys(MERGE_PARAMETERS).join(", ")}, int8_mask`
    : "remove it";
}

/** @returns lines about keys that mergekit takes and does not read */
function ignored({ models = [], slices = [] }: MergeConfig, where: Where): string[] {
  const notes: string[] = [];
  const tell = (keys: Keys, why: string): void => {
    notes.push(
      `${where(keys)}: ${String(keys.at(-1))} changes nothing here, as in mergekit; ${why}`,
    );
  };
  const revision = "write the revision into the model: NAME@REVISION";
  for (const [i, model] of models.entries()) {
    if (model.revision !== undefined) tell(["models", i, "revision"], revision);
  }
  for (const [i, slice] of slices.entries()) {
    const method = ["slices", i, "merge_method"];
    if (slice.merge_method !== undefined) tell(method, "the file's holds for all slices");
    if (slice.residual_weight !== undefined) {
      tell(["slices", i, "residual_weight"], "a scale in parameters does what it did");
    }
    for (const [j, source] of slice.sources.entries()) {
      if (source.revision !== undefined) tell(["slices", i, "sources", j, "revision"], revision);
    }
  }
  return notes;
}

/** Models as absolute folders. @throws InputError for one that is none */
async function withFolders(
  config: MergeConfig,
  { folder, where }: { folder: string; where: Where },
): Promise<{ config: MergeConfig; adapters: Map<string, AdaptedModel> }> {
  const folders = new Map<string, string>();
  const adapters = new Map<string, AdaptedModel>();
  for (const [keys, model] of namedModels(config)) {
    if (folders.has(model)) continue;
    const found = await resolveReference(model, { folder, place: where(keys) });
    const key = found.adapter === undefined ? found.base : `${found.base}+${found.adapter}`;
    folders.set(model, key);
    if (found.adapter !== undefined) {
      adapters.set(key, { base: found.base, adapter: found.adapter });
    }
  }
  const absolute = (model: string): string => path.resolve(folder, model);
  const { evaluate_on: data } = config;
  const named = data === undefined ? config : { ...config, evaluate_on: absolute(data) };
  return { config: mapModels(named, (model) => folders.get(model) ?? absolute(model)), adapters };
}
