/** Evaluations as files of the open folder: they outlive their tab. */
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import {
  EVALUATIONS_FOLDER,
  type EvaluationResult,
  type SavedEvaluation,
  savedEvaluationSchema,
} from "../protocol/evaluation.ts";
import { createFile } from "../util/create-file.ts";
import { InputError } from "../util/errors.ts";
import { temporaryName } from "../util/temporary-name.ts";
import { freeFolder } from "../run-folder/new-folder.ts";
import { problemOf, readJson, valueOf } from "../run-folder/read-json.ts";

export interface EvaluationFile extends SavedEvaluation {
  /** Absolute path; what identifies it. */
  readonly file: string;
}

/**
 * @param workspace absolute path of the folder whose `.retune` keeps it
 * @returns what was written, and where
 */
export async function saveEvaluation(
  workspace: string,
  results: readonly EvaluationResult[],
): Promise<EvaluationFile> {
  const name = evaluationName(results);
  const createdAt = new Date().toISOString();
  const saved: SavedEvaluation = { version: 1, name, createdAt, results: [...results] };
  const folder = path.join(workspace, EVALUATIONS_FOLDER);
  await mkdir(folder, { recursive: true });
  const file = await createNamed(folder, name, `${JSON.stringify(saved, null, 2)}\n`);
  return { ...saved, file };
}

/** Under a name that is still free when another evaluation ends at the same moment. */
async function createNamed(folder: string, name: string, text: string): Promise<string> {
  const temporary = temporaryName(path.join(folder, "new"));
  try {
    await writeFile(temporary, text, { flag: "wx" });
    for (;;) {
      const file = await freeFolder(folder, name, "evaluation", ".json");
      if (await createFile(file, { temporary, text })) return file;
    }
  } finally {
    await rm(temporary, { force: true });
  }
}

/** @throws InputError naming the file that is gone or broken */
export async function readSavedEvaluation(file: string): Promise<EvaluationFile> {
  const read = await readJson(file, savedEvaluationSchema);
  const saved = valueOf(read);
  if (saved !== undefined) return { ...saved, file };
  throw new InputError(`${file}: ${problemOf("the evaluation", read)}; run Evaluate… again`);
}

/** Those that can be read, newest first. */
export async function savedEvaluations(workspace: string): Promise<EvaluationFile[]> {
  const folder = path.join(workspace, EVALUATIONS_FOLDER);
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith(".json"));
  const read = names.map((name) =>
    readSavedEvaluation(path.join(folder, name)).catch(() => undefined),
  );
  const found = (await Promise.all(read)).filter((each) => each !== undefined);
  return found.toSorted((a, b) => b.createdAt.localeCompare(a.createdAt));
}

/** "tiny + tone on mails", "3 models on 2 files" */
function evaluationName(results: readonly EvaluationResult[]): string {
  const few = (names: readonly string[], kind: string): string => {
    const [first = "", ...rest] = new Set(names);
    return rest.length === 0 ? first : `${rest.length + 1} ${kind}`;
  };
  const models = few(
    results.map(({ model }) => model),
    "models",
  );
  const data = few(
    results.map(({ data: name }) => name),
    "files",
  );
  return `${models} on ${data}`;
}
