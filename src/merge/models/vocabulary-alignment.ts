/**
 * Which rows of the models' embeddings make those of the merged vocabulary, as mergekit chooses them: a model's own
 * row for each token that it has; for one that it lacks the base's, or the only one there is, or the mean.
 */
import { InputError } from "../../util/errors.ts";
import { isFloatDType } from "../../tensors/dtype.ts";
import type { TensorInfo } from "../../tensors/safetensors.ts";
import type { Family } from "../../families/family.ts";
import type { AlignedRows, FloatSource, RowRun } from "./tensor-reader.ts";
import type { MergedVocabulary } from "./vocabulary.ts";
import { elementCount } from "../../util/element-count.ts";

/** What has a row for each token: also the bias of a head. */
export function isVocabularyTensor(family: Family, name: string): boolean {
  return family.isVocabularyTable(name.replace(/\.bias$/u, ".weight"));
}

export interface Aligned {
  sources: readonly AlignedRows[];
  shape: readonly number[];
}

/**
 * @param infos the tensor of each model, in the order of `dirs`
 * @returns undefined where rows are as they shall be, or the tensor has none for tokens
 * @throws InputError for a token whose row is nowhere
 */
export function alignedRows(
  infos: readonly TensorInfo[],
  {
    family,
    dirs,
    vocabulary,
  }: {
    family: Family;
    dirs: readonly string[];
    vocabulary: MergedVocabulary | undefined;
  },
): Aligned | undefined {
  const [first] = infos;
  if (!vocabulary || !first || !isVocabularyTensor(family, first.name)) return undefined;
  const runs = runsOf(infos, dirs, vocabulary);
  const { size, padding } = vocabulary;
  const isAsItIs = runs.every(
    ([run, ...others], model) =>
      others.length === 0 &&
      padding === 0 &&
      run?.rows === infos[model]!.shape[0] &&
      run?.from[0]?.source === model &&
      run.from[0].row === 0,
  );
  if (isAsItIs) return undefined;
  const [, ...rest] = first.shape;
  const columns = elementCount(rest);
  for (const info of infos) {
    if (isFloatDType(info.dtype) && info.shape.slice(1).join() === rest.join()) continue;
    throw new InputError(
      `${info.file}: tensor ${info.name} is ${info.dtype} [${info.shape.join(", ")}], that of ${first.file} is ${first.dtype} [${first.shape.join(", ")}]: they can't be mixed`,
    );
  }
  const sources = infos as readonly FloatSource[];
  return {
    sources: runs.map((own) => ({ sources, columns, runs: own, padding })),
    shape: [size, ...rest],
  };
}

function runsOf(
  infos: readonly TensorInfo[],
  dirs: readonly string[],
  vocabulary: MergedVocabulary,
): RowRun[][] {
  const rows = vocabulary.size - vocabulary.padding;
  const tokens: (string | undefined)[] = Array.from({ length: rows });
  for (const [token, id] of vocabulary.ids) tokens[id] = token;
  const runs = dirs.map((): RowRun[] => []);
  for (const token of tokens) {
    const own = infos.map(({ shape }, model) => rowOf(token, shape, dirs[model]!, vocabulary));
    const isForced = token !== undefined && vocabulary.tokens[token]?.force === true;
    const isShared = !isForced && own.every((row) => row !== undefined);
    const common = isShared ? [] : substitute(token, own, { dirs, vocabulary, infos });
    for (const [model, row] of own.entries()) {
      const isOwn = row !== undefined && !isForced;
      append(runs[model]!, isOwn ? [{ source: model, row }] : common);
    }
  }
  return runs;
}

/** One row more, joined to the run before where it goes on there. */
function append(runs: RowRun[], from: RowRun["from"]): void {
  const last = runs.at(-1);
  const [one] = from;
  const [before] = last?.from ?? [];
  const isNext =
    last !== undefined &&
    from.length === last.from.length &&
    from.length <= 1 &&
    one?.source === before?.source &&
    (one === undefined || one.row === before!.row + last.rows);
  if (isNext) last.rows++;
  else runs.push({ rows: 1, from });
}

function rowOf(
  token: string | undefined,
  [rows = 0]: readonly number[],
  dir: string,
  { own }: MergedVocabulary,
): number | undefined {
  const { ids, size } = own.get(dir)!;
  const id = token === undefined ? undefined : ids.get(token);
  return id !== undefined && id < Math.min(size, rows) ? id : undefined;
}

/** What stands for a token in the models that lack it, or in all where it is forced. */
function substitute(
  token: string | undefined,
  own: readonly (number | undefined)[],
  {
    dirs,
    vocabulary,
    infos,
  }: { dirs: readonly string[]; vocabulary: MergedVocabulary; infos: readonly TensorInfo[] },
): RowRun["from"] {
  const places = own.flatMap((row, source) => (row === undefined ? [] : [{ source, row }]));
  const given = token === undefined ? undefined : vocabulary.tokens[token];
  if (!given) {
    const base = places.find(({ source }) => dirs[source] === vocabulary.baseDir);
    return base ? [base] : places;
  }
  const { source } = given;
  const refuse = (why: string): never => {
    throw new InputError(`tokenizer: tokens: ${JSON.stringify(token)} ${why}`);
  };
  if (source === undefined) return refuse("needs a source, since not every model has it");
  if (typeof source !== "string" && source.kind === "zero") return [];
  const dir = typeof source === "string" ? source : source.model;
  const model = dirs.indexOf(dir);
  if (model === -1) return refuse(`comes from ${dir}, which is none of the models that are mixed`);
  const wanted = typeof source === "string" ? token : source.token;
  const id = typeof source === "string" ? undefined : source.token_id;
  const row = id ?? rowOf(wanted, infos[model]!.shape, dir, vocabulary);
  if (row === undefined || row >= infos[model]!.shape[0]!) {
    return refuse(`comes from ${JSON.stringify(wanted ?? id)} of ${dir}, which is not there`);
  }
  return [{ source: model, row }];
}
