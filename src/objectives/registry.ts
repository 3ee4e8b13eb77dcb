/** The objectives that this version can train: one line each. */
import type { Classifier } from "../adapter-files/classifier-head.ts";
import { classificationHead } from "./classification/head.ts";
import type { RowHead } from "./row-head.ts";

/** What a base with a head over rows is to an engine; undefined where it predicts tokens. */
export function rowHeadOf({
  classifier,
}: {
  classifier?: Classifier | undefined;
}): RowHead | undefined {
  return classifier && classificationHead(classifier);
}
