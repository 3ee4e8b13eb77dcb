/** README.md of models merged into one. */
import { RETUNE_VERSION } from "../../util/version.ts";
import { baseName } from "../../bases/base-name.ts";

export interface MethodMergeCard {
  /** Folders of all models, the base among them. */
  models: readonly string[];
  base: string | undefined;
  title: string;
  paper: string | undefined;
  seed: number | undefined;
  /** The configuration, with names where it has folders. */
  yaml: string;
}

export function methodMergeCard(merge: MethodMergeCard): string {
  const { models, base, title, paper, seed, yaml } = merge;
  const names = models.map(baseName);
  const named = paper === undefined ? title : `[${title}](${paper})`;
  const over = base === undefined ? "" : `, with ${baseName(base)} as its base`;
  const random = seed === undefined ? "" : ` The random masks are those of seed ${seed}.`;
  return [
    "---",
    "base_model:",
    ...names.map((name) => `- ${JSON.stringify(name)}`),
    "base_model_relation: merge",
    "library_name: transformers",
    "tags:",
    "- merge",
    "---",
    "",
    `# ${names.join(" + ")}`,
    "",
    `Merged by Retune ${RETUNE_VERSION} with the method ${named}${over}, in float32 or better, rounded once.${random}`,
    "",
    "The configuration:",
    "",
    "```yaml",
    yaml.trimEnd(),
    "```",
    "",
  ].join("\n");
}
