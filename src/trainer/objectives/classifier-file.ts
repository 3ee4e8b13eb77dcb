/** The labels of a classification head that is saved in an adapter: PEFT's own files do not keep them. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import type { Classifier } from "../../models/classifier.ts";
import { InputError, errorMessage, hasCode } from "../../util/errors.ts";

export const CLASSIFIER_FILE = "classifier.json";

/** What to write beside the head, by name. */
export function classifierFiles(classifier: Classifier): Record<string, string> {
  return { [CLASSIFIER_FILE]: `${JSON.stringify(classifier, null, 2)}\n` };
}

const classifierSchema = z.object({
  labels: z.array(z.string()).min(1),
  problem: z.enum(["single-label", "multi-label", "regression"]),
  pooling: z.enum(["last", "mean", "first"]),
});

/**
 * Undefined when the folder has none.
 * @throws InputError naming the file that is not what was written
 */
export async function readClassifierFile(dir: string): Promise<Classifier | undefined> {
  const file = path.join(dir, CLASSIFIER_FILE);
  try {
    return classifierSchema.parse(JSON.parse(await readFile(file, "utf8")));
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw new InputError(`${file}: ${errorMessage(error).replaceAll(/\s+/gu, " ")}`, {
      cause: error,
    });
  }
}
