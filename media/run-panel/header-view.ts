import type { PanelAction, RunView } from "../../src/protocol/panel-messages.ts";
import { baseName } from "../shared/format.ts";
import type { HeaderView } from "../shared/header.ts";
import { actionButtons, bannerOf } from "./status.ts";

/** What the header says of a run. */
export function headerView(run: RunView): HeaderView<PanelAction> {
  const { name, status, recipe, method, runDir } = run;
  const subtitle =
    recipe === undefined
      ? { text: baseName(runDir), title: runDir }
      : {
          text: `${method?.title ?? recipe.method.type} · ${baseName(recipe.base)}`,
          title: `${recipe.base}\n${runDir}`,
        };
  return { name, status, subtitle, buttons: actionButtons(run), banner: bannerOf(run) };
}
