import type { RunStatus } from "../../src/protocol/run-folder.ts";
import { element, setHidden, setText } from "./dom.ts";
import { statusLabel } from "./status-label.ts";

export interface HeaderButton<Action extends string> {
  action: Action;
  label: string;
  primary: boolean;
  disabled: boolean;
}

export interface Banner<Action extends string> {
  tone: "bad" | "idle";
  title: string;
  message: string;
  /** The way out. */
  hint: string;
  button?: HeaderButton<Action>;
}

export interface HeaderView<Action extends string> {
  name: string;
  status: RunStatus;
  subtitle: { text: string; title: string };
  buttons: readonly HeaderButton<Action>[];
  banner: Banner<Action> | undefined;
}

export interface ProgressView {
  text: string;
  /** In [0, 1]; undefined: not known, the bar only shows that something goes on. */
  share: number | undefined;
  status: RunStatus;
}

/** Name, state, buttons, progress and what went wrong. Elements stay; only what differs is touched. */
export class Header<Action extends string> {
  readonly #name = element("h1");
  readonly #badge = element("span", { class: "badge", role: "status" });
  readonly #subtitle = element("p", { class: "subtitle" });
  readonly #actions = element("div", {
    class: "actions",
    role: "group",
    "aria-label": "Actions",
  });
  readonly #bar = element("div", { class: "bar" });
  readonly #track = element("div", {
    class: "track",
    role: "progressbar",
    "aria-label": "Progress",
    "aria-valuemin": "0",
    "aria-valuemax": "100",
  });
  readonly #progress = element("p", { class: "progress-text" });
  readonly #banner = element("section", { class: "banner", role: "alert" });
  readonly #notice = element("p", { class: "notice", role: "alert" });
  readonly #onAction: (action: Action) => void;
  #shownButtons = "";
  #shownBanner = "";

  constructor(root: HTMLElement, onAction: (action: Action) => void) {
    this.#onAction = onAction;
    this.#track.append(this.#bar);
    setHidden(this.#banner, true);
    setHidden(this.#notice, true);
    const title = element("div", { class: "title" }, [this.#name, this.#badge]);
    const heading = element("div", { class: "heading" }, [title, this.#subtitle]);
    root.append(
      element("header", { class: "run-header" }, [heading, this.#actions]),
      this.#track,
      this.#progress,
      this.#notice,
      this.#banner,
    );
  }

  show(view: HeaderView<Action>): void {
    setText(this.#name, view.name, view.name);
    const { label, tone } = statusLabel(view.status);
    setText(this.#badge, label);
    this.#badge.className = `badge ${tone}`;
    setText(this.#subtitle, view.subtitle.text, view.subtitle.title);
    this.#showButtons(view.buttons);
    this.#showBanner(view.banner);
  }

  showProgress({ text, share, status }: ProgressView): void {
    setText(this.#progress, text);
    this.#track.classList.toggle("indeterminate", share === undefined);
    this.#track.dataset["tone"] = statusLabel(status).tone;
    this.#bar.style.width = share === undefined ? "" : `${share * 100}%`;
    if (share === undefined) this.#track.removeAttribute("aria-valuenow");
    else this.#track.setAttribute("aria-valuenow", String(Math.round(share * 100)));
    this.#track.setAttribute("aria-valuetext", text);
  }

  /** An action that failed says so here; undefined clears it. */
  showNotice(message: string | undefined): void {
    setHidden(this.#notice, message === undefined);
    setText(this.#notice, message ?? "");
  }

  #showButtons(buttons: readonly HeaderButton<Action>[]): void {
    const key = JSON.stringify(buttons);
    if (key === this.#shownButtons) return;
    this.#shownButtons = key;
    const focused = this.#actions.contains(document.activeElement);
    this.#actions.replaceChildren(...buttons.map((button) => this.#buttonOf(button)));
    if (focused) this.#actions.querySelector<HTMLElement>("button:not(:disabled)")?.focus();
  }

  #buttonOf({ action, label, primary, disabled }: HeaderButton<Action>): HTMLElement {
    const button = element("button", { class: primary ? "primary" : "secondary" }, [label]);
    button.disabled = disabled;
    button.addEventListener("click", () => this.#onAction(action));
    return button;
  }

  #showBanner(banner: Banner<Action> | undefined): void {
    const key = JSON.stringify(banner ?? null);
    if (key === this.#shownBanner) return;
    this.#shownBanner = key;
    setHidden(this.#banner, banner === undefined);
    if (banner === undefined) return;
    this.#banner.className = `banner ${banner.tone}`;
    this.#banner.replaceChildren(
      element("h2", {}, [banner.title]),
      element("p", { class: "message" }, [banner.message]),
      ...(banner.hint === "" ? [] : [element("p", { class: "hint" }, [banner.hint])]),
      ...(banner.button ? [this.#buttonOf(banner.button)] : []),
    );
  }
}
