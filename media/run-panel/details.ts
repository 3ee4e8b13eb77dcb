import type { RunView } from "../../src/protocol/panel-messages.ts";
import { element, setHidden } from "../shared/dom.ts";
import { foreignGroup } from "./foreign-settings.ts";
import { settingGroups } from "./settings.ts";
import type { Figure } from "./summary.ts";

/** The figures under the progress bar. */
export class Figures {
  readonly #list = element("dl", { class: "figures", "aria-label": "Summary" });
  #shown = "";

  constructor(root: HTMLElement) {
    root.append(this.#list);
  }

  show(figures: readonly Figure[]): void {
    const key = JSON.stringify(figures);
    if (key === this.#shown) return;
    this.#shown = key;
    setHidden(this.#list, figures.length === 0);
    this.#list.replaceChildren(
      ...figures.map(({ label, value, note, tone }) =>
        element("div", { class: "figure" }, [
          element("dt", {}, [label]),
          element("dd", { class: tone ?? "" }, [value]),
          element("dd", { class: "note", title: note }, [note]),
        ]),
      ),
    );
  }
}

/** The run's settings as they really were, from the recipe in its own folder. */
export class Settings {
  readonly #groups = element("div", { class: "setting-groups" });
  readonly #section = element("section", { class: "settings", "aria-label": "Settings" }, [
    element("h2", {}, ["Settings of this run"]),
    this.#groups,
  ]);
  #shown = "";

  constructor(root: HTMLElement) {
    root.append(this.#section);
  }

  show(run: RunView): void {
    const groups = [
      ...(run.recipe === undefined ? [] : settingGroups(run.recipe, run)),
      ...(run.foreign === undefined ? [] : [foreignGroup(run.foreign, run.recipe)]),
    ];
    const key = JSON.stringify(groups);
    if (key === this.#shown) return;
    this.#shown = key;
    setHidden(this.#section, groups.length === 0);
    this.#groups.replaceChildren(
      ...groups.map(({ title, settings }) =>
        element("div", { class: "setting-group" }, [
          element("h3", {}, [title]),
          element(
            "dl",
            {},
            settings.flatMap((setting) => [
              element("dt", { title: setting.label }, [setting.label]),
              element("dd", { title: setting.title ?? setting.value }, [setting.value]),
            ]),
          ),
        ]),
      ),
    );
  }
}
