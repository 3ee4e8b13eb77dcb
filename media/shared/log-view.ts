import { element, setHidden } from "./dom.ts";

const NEAR_END_PX = 24;

/** The last lines of the log; it follows the end unless the person scrolled up. */
export class LogView {
  readonly #pre = element("pre", { tabindex: "0", "aria-label": "Last log lines" });
  readonly #section = element("section", { class: "log" }, [element("h2", {}, ["Log"]), this.#pre]);

  constructor(root: HTMLElement) {
    setHidden(this.#section, true);
    root.append(this.#section);
  }

  show(lines: readonly string[]): void {
    setHidden(this.#section, lines.length === 0);
    const { scrollTop, scrollHeight, clientHeight } = this.#pre;
    const follows = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
    this.#pre.textContent = lines.join("\n");
    if (follows) this.#pre.scrollTop = this.#pre.scrollHeight;
  }
}
