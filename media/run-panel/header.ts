import type { PanelAction, RunView } from "../../src/protocol/panel-messages.ts";
import { element, setHidden, setText } from "./dom.ts";
import { baseName } from "./format.ts";
import { methodLabel } from "./method-settings.ts";
import { actionButtons, bannerOf, progressShare, progressText, statusLabel } from "./status.ts";
import type { ProgressFacts } from "./status.ts";

/** Name, state, buttons, progress and what went wrong. Elements stay; only what differs is touched. */
export class Header {
  private readonly name = element("h1");
  private readonly badge = element("span", { class: "badge", role: "status" });
  private readonly subtitle = element("p", { class: "subtitle" });
  private readonly actions = element("div", {
    class: "actions",
    role: "group",
    "aria-label": "Run",
  });
  private readonly bar = element("div", { class: "bar" });
  private readonly track = element("div", {
    class: "track",
    role: "progressbar",
    "aria-label": "Progress",
    "aria-valuemin": "0",
    "aria-valuemax": "100",
  });
  private readonly progress = element("p", { class: "progress-text" });
  private readonly banner = element("section", { class: "banner", role: "alert" });
  private readonly notice = element("p", { class: "notice", role: "alert" });
  private readonly onAction: (action: PanelAction) => void;
  private shownButtons = "";
  private shownBanner = "";

  constructor(root: HTMLElement, onAction: (action: PanelAction) => void) {
    this.onAction = onAction;
    this.track.append(this.bar);
    setHidden(this.banner, true);
    setHidden(this.notice, true);
    const title = element("div", { class: "title" }, [this.name, this.badge]);
    const heading = element("div", { class: "heading" }, [title, this.subtitle]);
    root.append(
      element("header", { class: "run-header" }, [heading, this.actions]),
      this.track,
      this.progress,
      this.notice,
      this.banner,
    );
  }

  showRun(run: RunView): void {
    setText(this.name, run.name, run.name);
    const { label, tone } = statusLabel(run.status);
    setText(this.badge, label);
    this.badge.className = `badge ${tone}`;
    if (run.recipe !== undefined) {
      const { method, base } = run.recipe;
      setText(
        this.subtitle,
        `${methodLabel(method)} · ${baseName(base)}`,
        `${base}\n${run.runDir}`,
      );
    } else {
      setText(this.subtitle, baseName(run.runDir), run.runDir);
    }
    this.showButtons(run);
    this.showBanner(run);
  }

  showProgress(facts: ProgressFacts): void {
    setText(this.progress, progressText(facts));
    const share = progressShare(facts);
    this.track.classList.toggle("indeterminate", share === undefined);
    this.track.dataset["tone"] = statusLabel(facts.run.status).tone;
    this.bar.style.width = share === undefined ? "" : `${share * 100}%`;
    if (share === undefined) this.track.removeAttribute("aria-valuenow");
    else this.track.setAttribute("aria-valuenow", String(Math.round(share * 100)));
    this.track.setAttribute("aria-valuetext", progressText(facts));
  }

  /** An action that failed says so here; undefined clears it. */
  showNotice(message: string | undefined): void {
    setHidden(this.notice, message === undefined);
    setText(this.notice, message ?? "");
  }

  private showButtons(run: RunView): void {
    const buttons = actionButtons(run);
    const key = JSON.stringify(buttons);
    if (key === this.shownButtons) return;
    this.shownButtons = key;
    const focused = this.actions.contains(document.activeElement);
    this.actions.replaceChildren(
      ...buttons.map(({ action, label, primary, disabled }) => {
        const button = element("button", { class: primary ? "primary" : "secondary" }, [label]);
        button.disabled = disabled;
        button.addEventListener("click", () => this.onAction(action));
        return button;
      }),
    );
    if (focused) this.actions.querySelector<HTMLElement>("button:not(:disabled)")?.focus();
  }

  private showBanner(run: RunView): void {
    const banner = bannerOf(run);
    const key = JSON.stringify(banner ?? null);
    if (key === this.shownBanner) return;
    this.shownBanner = key;
    setHidden(this.banner, banner === undefined);
    if (banner === undefined) return;
    this.banner.className = `banner ${banner.tone}`;
    this.banner.replaceChildren(
      element("h2", {}, [banner.title]),
      element("p", { class: "message" }, [banner.message]),
      ...(banner.hint === "" ? [] : [element("p", { class: "hint" }, [banner.hint])]),
    );
  }
}
