// The Chromium that shows a window of VS Code's server.
import { chromium } from "playwright-core";
import { findChromium } from "../../.ci/install.mjs";

export function launchBrowser() {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error("no Chromium: run .ci/install.mjs first");
  return chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--disable-dev-shm-usage",
    ],
  });
}
