/** What runs are called: by what they are. */
import path from "node:path";
import { dataName } from "../protocol/data-files.ts";
import { baseLabel } from "../bases/references.ts";

/** The longest part of a default name; a person may choose a longer one. */
const MAX_PART_CHARS = 24;

/**
 * Base, method and data in few words: "retune-tiny-lora-dictionary".
 * @param of paths of the base model and the data, and the method's type
 */
export function defaultRunName(of: { base: string; method: string; data: string }): string {
  const base = stemOf(of.base);
  // "train" is what nearly every training file is called: the rest of its name tells it.
  const data = stemOf(of.data).replace(/(?<=.)[-_. ]+train(?:ing)?$/iu, "");
  return [base, of.method, data].map((part) => part.slice(0, MAX_PART_CHARS)).join("-");
}

function stemOf(file: string): string {
  return baseLabel(dataName(path.basename(file)));
}
