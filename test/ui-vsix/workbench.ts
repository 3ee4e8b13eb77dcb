// A window of VS Code as a person sees it: what can be clicked, typed and read.
import path from "node:path";
import type { FrameLocator, Locator, Page } from "playwright-core";
import { until } from "../vscode/support/until.ts";

const WORKBENCH_LIMIT_MS = 120_000;
const MENU_SETTLES_MS = 500;
const ROW_ACTION_LIMIT_MS = 2_000;
const PALETTE_LIMIT_MS = 5_000;
/** A side bar that VS Code brings back is there by then. */
const CONTAINER_SETTLES_MS = 3_000;

export class Workbench {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  /** Opens the window and shows Retune in its side bar. */
  async open(url: string): Promise<void> {
    await this.page.goto(url);
    await this.#ready();
  }

  /** Reloads as a person does, so that VS Code keeps what it has to: it writes its storage late. */
  async reload(): Promise<void> {
    const loaded = this.page.waitForEvent("load");
    await this.command("Developer: Reload Window");
    await loaded;
    await this.#ready();
  }

  async #ready(): Promise<void> {
    await this.container().waitFor({ timeout: WORKBENCH_LIMIT_MS });
    await this.#showContainer();
  }

  /** Retune's icon in the activity bar. */
  container(): Locator {
    return this.page.locator(".activitybar").getByRole("tab", { name: /^Retune/ });
  }

  /**
   * Clicks the icon until the views are there. A click on the icon of a side bar that is just opening shuts it, and
   * the icon says too late that it is selected: so what counts is what is seen, and that it stays.
   */
  async #showContainer(): Promise<void> {
    const header = this.view("Runs").locator(".pane-header");
    const isShown = async (limitMs: number): Promise<boolean> =>
      header.waitFor({ timeout: limitMs }).then(
        () => true,
        () => false,
      );
    const shown = async (): Promise<true | undefined> => {
      if (!(await isShown(CONTAINER_SETTLES_MS))) await this.container().click();
      if (!(await isShown(CONTAINER_SETTLES_MS))) return undefined;
      await this.page.waitForTimeout(MENU_SETTLES_MS);
      return (await header.isVisible()) ? true : undefined;
    };
    await until(shown, { limitMs: WORKBENCH_LIMIT_MS, what: () => "Retune's views" });
  }

  /** The section of the side bar with this title. */
  view(title: string): Locator {
    return this.page.locator(".pane").filter({
      has: this.page.locator(".pane-header .title", { hasText: new RegExp(`^${title}$`, "i") }),
    });
  }

  /** A row of a tree by its label; a row's aria-label is its tooltip, so it does not serve. */
  row(view: string, label: string | RegExp): Locator {
    return this.view(view)
      .locator(".monaco-list-row[role=treeitem]")
      .filter({ has: this.page.locator(".label-name", { hasText: label }) });
  }

  /**
   * Runs a command by its title in the palette. A window that was just loaded takes no key yet, and a palette
   * that was opened before the command was known never lists it.
   */
  async command(title: string): Promise<void> {
    const input = this.page.locator(".quick-input-widget .quick-input-box input");
    const row = this.page.locator(".quick-input-list .monaco-list-row", { hasText: title }).first();
    const listed = async (): Promise<true | undefined> => {
      try {
        await this.page.keyboard.press("F1");
        await input.fill(`>${title}`, { timeout: PALETTE_LIMIT_MS });
        await row.waitFor({ timeout: PALETTE_LIMIT_MS });
        return true;
      } catch {
        await this.page.keyboard.press("Escape");
        return undefined;
      }
    };
    await until(listed, { limitMs: WORKBENCH_LIMIT_MS, what: () => `${title} in the palette` });
    await this.page.keyboard.press("Enter");
  }

  /** Types into the quick pick or input box that is open. */
  async type(text: string): Promise<void> {
    const input = this.page.locator(".quick-input-widget .quick-input-box input");
    await input.waitFor();
    await input.fill(text);
  }

  /** Answers the input box with this prompt; left out, its proposal is taken. */
  async enter(prompt: string, text?: string): Promise<void> {
    await this.page.locator(".quick-input-message", { hasText: prompt }).waitFor();
    if (text !== undefined) await this.type(text);
    await this.page.keyboard.press("Enter");
  }

  /** Accepts the quick pick's row with this text. */
  async pick(label: string | RegExp): Promise<void> {
    const row = this.page
      .locator(".quick-input-widget .monaco-list-row", { hasText: label })
      .first();
    await row.waitFor();
    await row.click();
  }

  /** Ticks or clears a row of the multi-pick that is open. */
  async tick(label: string | RegExp): Promise<void> {
    const row = this.page
      .locator(".quick-input-widget .monaco-list-row", { hasText: label })
      .first();
    await row.waitFor();
    await row.locator(".label-name").click();
  }

  /** Accepts the multi-pick that is open. */
  async acceptTicked(): Promise<void> {
    await this.page.locator(".quick-input-widget").getByRole("button", { name: "OK" }).click();
  }

  /** Accepts a row of the quick pick that asks this. */
  async answer(question: string, label: string): Promise<void> {
    await this.page.getByPlaceholder(question).waitFor();
    await this.pick(label);
  }

  notification(text: string | RegExp): Locator {
    return this.page.locator(".notification-toast", { hasText: text });
  }

  async clearNotifications(): Promise<void> {
    await this.command("Notifications: Clear All Notifications");
  }

  tab(title: string | RegExp): Locator {
    const exact = typeof title === "string";
    return this.page.locator(".tabs-container").getByRole("tab", { name: title, exact });
  }

  /** The document inside the newest webview. */
  webview(): FrameLocator {
    return this.page
      .frameLocator("iframe.webview.ready >> nth=-1")
      .frameLocator("iframe#active-frame");
  }

  /** The status bar's entry of the active runs. */
  statusBar(): Locator {
    return this.page.locator('[id="retune.retune.runs"]');
  }

  /** A button at the right of a tree's row, which shows when the pointer is over the row. */
  async rowAction(view: string, label: string | RegExp, action: string): Promise<void> {
    const button = this.row(view, label).getByRole("button", { name: action });
    // A tree that is redrawn meanwhile takes the buttons away until the pointer comes again.
    const click = async () => {
      await this.page.mouse.move(0, 0);
      await this.row(view, label).hover();
      return button.click({ timeout: ROW_ACTION_LIMIT_MS }).then(
        () => true,
        () => undefined,
      );
    };
    await until(click, { limitMs: WORKBENCH_LIMIT_MS, what: () => `${action} in ${view}` });
  }

  /** Opens a row's context menu. */
  async contextMenu(view: string, label: string | RegExp): Promise<Locator> {
    const items = this.page.getByRole("menuitem");
    const stays = async (): Promise<true | undefined> => {
      await this.row(view, label).click({ button: "right" });
      await items.first().waitFor();
      // A menu that has just opened takes no click, lest the one that opened it counts.
      await this.page.waitForTimeout(MENU_SETTLES_MS);
      // Where the row was drawn anew meanwhile, its menu is closed again.
      return (await items.count()) > 0 ? true : undefined;
    };
    await until(stays, { what: () => `the menu of ${label}` });
    return items;
  }

  /** Runs an item of a row's menu. What a window opens just after it was loaded may not be enabled yet, and stays so. */
  async runFromMenu(view: string, label: string | RegExp, item: string): Promise<void> {
    const clicked = async (): Promise<true | undefined> => {
      const items = await this.contextMenu(view, label);
      const chosen = items.filter({ hasText: item });
      if ((await chosen.getAttribute("aria-disabled")) !== "true") {
        await chosen.click();
        return true;
      }
      await this.page.keyboard.press("Escape");
      return undefined;
    };
    await until(clicked, { what: () => `${item} of ${label}, enabled` });
  }

  async openFile(name: string): Promise<void> {
    await this.page.keyboard.press("Control+P");
    await this.type(name);
    await this.pick(name);
    await this.tab(new RegExp(`^${name}`)).waitFor();
  }

  /** What the active editor shows, with plain spaces. */
  async editorText(): Promise<string> {
    const lines = this.page.locator(".editor-group-container.active .view-lines").first();
    return (await lines.innerText()).replaceAll("\u00a0", " ");
  }

  /** The line above the first line of the active recipe. */
  codeLens(title: string | RegExp): Locator {
    return this.page.locator(".codelens-decoration a", { hasText: title });
  }

  async toggleTheme(): Promise<void> {
    await this.command("Preferences: Toggle between Light/Dark Themes");
    // The next key shall not meet a palette that is about to close.
    await this.page.locator(".quick-input-widget").waitFor({ state: "hidden" });
  }

  async screenshot(folder: string, name: string): Promise<void> {
    await this.page.screenshot({ path: path.join(folder, `${name}.png`) });
  }
}
