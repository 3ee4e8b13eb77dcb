import type { PanelAction, RunView } from "../../src/protocol/panel-messages.ts";
import { baseName } from "../shared/format.ts";
import type { HeaderView } from "../shared/header.ts";
import { actionButtons, bannerOf } from "./status.ts";

/** What the header says of a run. */
export function headerView(run: RunView): HeaderView<PanelAction> {
  const { name, status, recipe, foreign, runDir } = run;
  const method = recipe
    ? (run.method?.title ?? recipe.method.type)
    : (foreign?.method ?? foreign?.engine);
  const base = (recipe ?? foreign)?.base;
  const parts = [method, base && baseName(base)].filter((part) => part !== undefined);
  const subtitle = {
    text: parts.join(" · ") || baseName(runDir),
    title: base === undefined ? runDir : `${base}\n${runDir}`,
  };
  return { name, status, subtitle, buttons: actionButtons(run), banner: bannerOf(run) };
}
