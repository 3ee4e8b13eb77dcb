import { type Objective, writesText } from "../protocol/objectives.ts";

/**
 * How a text is answered: by writing on, or by labels. A classifier has no head for tokens, the others none
 * for labels. In a row's context value: package.json shows Generate… or Classify Text… where its word stands.
 */
export type Answering = "writesText" | "labelsText";

/** @param summary of a model or an adapter */
export function answeringOf(summary: { labels?: number } | undefined): Answering {
  return summary?.labels === undefined ? "writesText" : "labelsText";
}

export function answeringOfRun(recipe: { objective: Objective }): Answering {
  return writesText(recipe) ? "writesText" : "labelsText";
}
