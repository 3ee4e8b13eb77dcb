import { element } from "./dom.ts";

/** Colours of the canvas, each a class of page.css that resolves VS Code's colour variables. */
const PALETTE_NAMES = [
  "text",
  "grid",
  "train",
  "eval",
  "rate",
  "norm",
  "speed",
  "background",
] as const;
export type PaletteName = (typeof PALETTE_NAMES)[number];
export type Palette = Record<PaletteName, string>;

/**
 * Reads the theme's colours and calls back when the theme changes. A canvas can't use CSS variables,
 * so hidden elements carry them: their computed colour is always one a canvas understands.
 */
export class Theme {
  readonly #probes = new Map<PaletteName, HTMLElement>();
  #current: Palette;

  constructor(onChange: () => void) {
    const holder = element("div", { class: "palette", "aria-hidden": "true" });
    for (const name of PALETTE_NAMES) {
      const probe = element("span", { class: `palette-${name}` });
      this.#probes.set(name, probe);
      holder.append(probe);
    }
    document.body.append(holder);
    this.#current = this.#read();
    const observer = new MutationObserver(() => {
      this.#current = this.#read();
      onChange();
    });
    const options = { attributes: true, attributeFilter: ["class", "style"] };
    observer.observe(document.documentElement, options);
    observer.observe(document.body, options);
  }

  color(name: PaletteName): string {
    return this.#current[name];
  }

  /** High-contrast themes draw what is faint elsewhere strongly enough to be seen. */
  get highContrast(): boolean {
    return /vscode-high-contrast/.test(document.body.className);
  }

  #read(): Palette {
    const entries = PALETTE_NAMES.map((name) => {
      const probe = this.#probes.get(name);
      return [name, probe === undefined ? "" : getComputedStyle(probe).color] as const;
    });
    return Object.fromEntries(entries) as Palette;
  }
}
