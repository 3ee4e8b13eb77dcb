import { baseLabel } from "../../bases/references.ts";
import type { MergeAdapter } from "./changes.ts";

/** What an adapter says it was trained on, where that is called otherwise than the base; shapes alone don't tell. */
export function otherBase({ folder }: MergeAdapter, baseName: string): string | undefined {
  const { base_model_name_or_path: stated } = folder.config;
  if (!stated) return undefined;
  const [, repository] = /models--([^/\\]+)[/\\]snapshots/.exec(stated) ?? [];
  const last = (name: string): string =>
    baseLabel(name.replaceAll("--", "/").split(/[/\\]/).findLast(Boolean) ?? "").toLowerCase();
  return last(repository ?? stated) === last(baseName) ? undefined : stated;
}
