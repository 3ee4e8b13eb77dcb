/** What a person set in a panel, scroll position included: VS Code keeps it over tab switches and window reloads. */
const SAVE_DELAY_MS = 150;

interface KeptView {
  scrollY: number;
}

export class ViewKeeper<View extends KeptView> {
  readonly #view: View;
  readonly #keep: (view: View) => void;
  #timer: number | undefined;
  #isScrollRestored = false;

  /**
   * @param view which the panel changes in place
   * @param keep VS Code's `setState`
   */
  constructor(view: View, keep: (view: View) => void) {
    this.#view = view;
    this.#keep = keep;
    this.#save();
    window.addEventListener("scroll", () => this.saveSoon(), { passive: true });
  }

  /** Once for many changes that follow each other. */
  saveSoon(): void {
    window.clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.#save(), SAVE_DELAY_MS);
  }

  /** Once, when the page has its height. */
  restoreScroll(): void {
    if (this.#isScrollRestored) return;
    this.#isScrollRestored = true;
    window.scrollTo(0, this.#view.scrollY);
  }

  #save(): void {
    // Before the page has its height back it can't be scrolled: what was kept still holds.
    if (this.#isScrollRestored) this.#view.scrollY = window.scrollY;
    this.#keep(this.#view);
  }
}

/** What was kept, where it is of this folder; else nothing, as after an older version's state. */
export function keptOf(saved: unknown, key: string, dir: string): Record<string, unknown> {
  return isRecord(saved) && saved[key] === dir ? saved : {};
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
