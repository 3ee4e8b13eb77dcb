import { realpath, stat } from "node:fs/promises";
import path from "node:path";
import { RUN_FILES } from "../../protocol/run-folder.ts";
import {
  MAX_ALPHAS,
  INTERPOLATION_FILES,
  type InterpolationData,
  type InterpolationDefinition,
  type InterpolationState,
  interpolationSchema,
} from "../../protocol/interpolation.ts";
import { InputError } from "../../util/errors.ts";
import { createFolder, createFreeFolder } from "../../run-folder/new-folder.ts";
import { withTrainingDataMarked } from "./training-data.ts";
import { baseLabel } from "../../bases/references.ts";
import { parseDecimal } from "../../util/parse-decimal.ts";

/** 0.1 + 0.2 is not 0.3; nobody means more digits. */
const DIGITS = 6;

export interface NewInterpolation extends Pick<
  InterpolationDefinition,
  "base" | "tuned" | "adapter" | "data"
> {
  /** Left out: from the names of its ends. */
  name?: string | undefined;
  alphas: readonly number[];
  maxLength?: number | undefined;
}

/** @throws InputError for anything but three numbers from 0 to 1 */
export function parseAlphas(text: string): number[] {
  const [from = NaN, to = NaN, step = NaN, ...rest] = text
    .split(":")
    .map((part) => parseDecimal(part) ?? NaN);
  const isFine = from >= 0 && to <= 1 && from <= to && step > 0 && rest.length === 0;
  const count = isFine ? Math.floor((to - from) / step + 1e-9) + 1 : 0;
  if (count < 1 || count > MAX_ALPHAS) {
    throw new InputError(
      `alphas must be FROM:TO:STEP within 0 and 1 and at most ${MAX_ALPHAS} of them, found "${text}"; try 0:1:0.1`,
    );
  }
  return Array.from({ length: count }, (_, index) => Number((from + index * step).toFixed(DIGITS)));
}

/**
 * Makes an interpolation's folder with its definition and the state `queued`; the ends come first among its
 * alphas, since everything between is judged by them.
 * @param place the folder that holds the interpolations, or the new one itself
 * @returns its absolute path
 * @throws InputError for data that can't be used so, or a folder that is taken
 */
export async function createInterpolation(
  interpolation: NewInterpolation,
  place: { interpolationsDir: string; interpolationDir?: string | undefined },
): Promise<string> {
  await checkData(interpolation.data);
  const name = interpolation.name ?? interpolationName(interpolation);
  const createdAt = new Date().toISOString();
  const [first, ...rest] = interpolation.alphas;
  const last = rest.pop();
  const data = await withTrainingDataMarked(
    interpolation.data,
    interpolation.tuned ?? interpolation.adapter ?? "",
  );
  const parsed = interpolationSchema.safeParse({
    ...interpolation,
    data,
    version: 1,
    name,
    alphas: [first, last, ...rest].filter((alpha) => alpha !== undefined),
    createdAt,
  });
  const [issue] = parsed.error?.issues ?? [];
  if (!parsed.success)
    throw new InputError(`an interpolation: ${issue?.path.join(".")}: ${issue?.message}`);
  const definition: InterpolationDefinition = parsed.data;
  const state: InterpolationState = { status: "queued", createdAt };
  const files = {
    [INTERPOLATION_FILES.definition]: definition,
    [INTERPOLATION_FILES.state]: state,
  };
  const { interpolationDir } = place;
  if (interpolationDir === undefined) {
    return createFreeFolder(place.interpolationsDir, { name, kind: "interpolation" }, files);
  }
  const target = path.resolve(interpolationDir);
  await createFolder(target, "interpolation", files);
  return target;
}

/** @throws InputError */
async function checkData(data: readonly InterpolationData[]): Promise<void> {
  const names = new Set<string>();
  const byFile = new Map<string, InterpolationData>();
  for (const each of data) {
    if (names.has(each.name)) {
      throw new InputError(`two data sets are named ${each.name}; give each a name of its own`);
    }
    names.add(each.name);
    const info = await stat(each.file).catch(() => undefined);
    if (!info) throw new InputError(`${each.name}: ${each.file} does not exist`);
    if (!info.isFile()) throw new InputError(`${each.name}: ${each.file} is not a file`);
    const real = await realpath(each.file);
    const other = byFile.get(real);
    byFile.set(real, each);
    if (!other) continue;
    if ((other.role === "validation") !== (each.role === "validation")) {
      throw new InputError(
        `${each.file} is both validation and test (${other.name}, ${each.name}): rows that choose an alpha can't test it; split the file or leave one out`,
      );
    }
    throw new InputError(
      `${each.file} is given twice (${other.name}, ${each.name}); leave one out`,
    );
  }
}

function interpolationName({ base, tuned, adapter }: NewInterpolation): string {
  return `${endName(base)} to ${endName(tuned ?? adapter ?? "")}`;
}

/** `model` and `adapter` are what every run calls its result: the run's own name says more. */
export function endName(file: string): string {
  const own = baseLabel(path.basename(file));
  const isResult = own === RUN_FILES.model || own === RUN_FILES.adapter;
  return isResult ? path.basename(path.dirname(file)) : own;
}
