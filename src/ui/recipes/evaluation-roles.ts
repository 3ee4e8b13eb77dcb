import path from "node:path";
import type { DataRole } from "../../protocol/interpolation.ts";

const VALIDATION = /(^|[-_.])(valid|validation|val|dev)(?=[-_.\d])/i;

/**
 * What a file is most likely for: by its name a validation split; beside the data that the model was
 * tuned on a test of the same kind; else a test of another kind.
 */
export function proposeRole(
  file: string,
  tunedOn?: { train: string; eval?: string | undefined },
): DataRole {
  if (VALIDATION.test(path.basename(file))) return "validation";
  if (tunedOn === undefined) return "in-distribution";
  if (file === tunedOn.eval || file === tunedOn.train) return "in-distribution";
  return stem(file) === stem(tunedOn.train) ? "in-distribution" : "shifted";
}

/** "data/topics-eval.jsonl" and "data/topics-train.jsonl" are of one kind: "data/topics". */
function stem(file: string): string {
  const name = path.basename(file).replace(/\.[^.]*$/u, "");
  const own = name.replaceAll(
    /(^|[-_.])(train|eval|test|valid|validation|val|dev)(?=$|[-_.])/gi,
    "",
  );
  return path.join(path.dirname(file), own);
}
