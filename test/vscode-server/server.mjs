// Starts VS Code's server on 127.0.0.1 with data of its own, and spells the address of a window.
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { serverFiles } from "./install.mjs";

const READY = /Extension host agent listening on/;
const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 5_000;

/** A window without welcome pages, tips, updates, chat and telemetry. */
export const QUIET_SETTINGS = {
  "workbench.startupEditor": "none",
  "workbench.tips.enabled": false,
  "workbench.welcomePage.walkthroughs.openOnInstall": false,
  "workbench.welcomePage.experimentalOnboarding": false,
  "workbench.enableExperiments": false,
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "chat.disableAIFeatures": true,
  "chat.commandCenter.enabled": false,
  "telemetry.telemetryLevel": "off",
  "update.mode": "none",
  "update.showReleaseNotes": false,
  "extensions.autoUpdate": false,
  "extensions.autoCheckUpdates": false,
  "extensions.ignoreRecommendations": true,
  "security.workspace.trust.enabled": false,
  "git.enabled": false,
  "npm.autoDetect": "off",
  "json.schemaDownload.enable": false,
  "typescript.disableAutomaticTypeAcquisition": true,
  "window.menuBarVisibility": "compact",
};

/** On top of the quiet settings: nothing that moves, and dialogs that a test can answer. */
export const TEST_SETTINGS = {
  ...QUIET_SETTINGS,
  "workbench.reduceMotion": "on",
  "editor.cursorBlinking": "solid",
  "files.simpleDialog.enable": true,
};

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** HOME and TMPDIR are the server's own; npm's and Node's variables would change its behaviour. */
function cleanEnvironment() {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(HOME|TMPDIR|NODE_OPTIONS|npm_.*|NODE_TEST_CONTEXT)$/i.test(name),
  );
  return Object.fromEntries(kept);
}

/**
 * @param {object} options
 * @param {string} [options.dataDir] kept after the end; left out: a temporary folder, removed
 * @param {string} [options.extensionsDir] left out: an empty one inside the data folder
 * @param {object} [options.settings] the user's settings; undefined leaves those that are there
 * @param {boolean} [options.developmentHost] lets a window load an extension and its tests from
 *   folders; it also suppresses notification toasts
 * @param {boolean} [options.asksForTrust] folders start untrusted, as on a desktop
 * @param {Record<string, string>} [options.env] for the server and everything it starts
 * @param {number} [options.port] left out: any free one
 */
export async function startServer(options = {}) {
  const home = options.dataDir ?? mkdtempSync(path.join(tmpdir(), "retune-vscode-"));
  const dataDir = path.join(home, "server");
  const extensionsDir = options.extensionsDir ?? path.join(home, "extensions");
  const temp = path.join(home, "tmp");
  for (const folder of [path.join(dataDir, "data/User"), extensionsDir, temp]) {
    mkdirSync(folder, { recursive: true });
  }
  if (options.settings) {
    const file = path.join(dataDir, "data/User/settings.json");
    writeFileSync(file, JSON.stringify(options.settings, null, 2));
  }
  const port = options.port ?? (await freePort());
  const args = [
    ["--host", "127.0.0.1", "--port", String(port), "--without-connection-token"],
    ["--accept-server-license-terms", "--server-data-dir", dataDir],
    ["--extensions-dir", extensionsDir, "--telemetry-level", "off", "--disable-telemetry"],
    ["--disable-experiments", "--disable-update-check"],
    ["--disable-getting-started-override", "--reconnection-grace-time", "1"],
    options.asksForTrust ? [] : ["--disable-workspace-trust"],
    options.developmentHost ? ["--enable-smoke-test-driver"] : [],
  ].flat();
  const server = spawn(serverFiles.node, [serverFiles.main, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...cleanEnvironment(),
      HOME: home,
      TMPDIR: temp,
      LANG: process.env.LANG ?? "C.UTF-8",
      // No gallery: no look-ups off this machine.
      EXTENSIONS_GALLERY: "{}",
      ...options.env,
    },
  });
  await ready(server);
  return {
    port,
    stop: () => stop(server, options.dataDir === undefined ? home : undefined),
  };
}

function ready(server) {
  return new Promise((resolve, reject) => {
    let log = "";
    const fail = (why) => reject(new Error(`VS Code's server ${why}\n${log.slice(-3000)}`));
    const limit = setTimeout(() => fail("did not start in time"), START_LIMIT_MS);
    const onData = (data) => {
      if (log.length < 100_000) log += data;
      if (!READY.test(log)) return;
      clearTimeout(limit);
      resolve();
    };
    server.stdout.on("data", onData);
    server.stderr.on("data", onData);
    server.once("exit", (code) => fail(`ended with code ${code}`));
  });
}

async function stop(server, temporary) {
  if (server.exitCode === null && server.signalCode === null) {
    const ended = new Promise((resolve) => server.once("exit", resolve));
    server.kill("SIGTERM");
    const limit = setTimeout(() => server.kill("SIGKILL"), STOP_LIMIT_MS);
    await ended;
    clearTimeout(limit);
  }
  if (temporary !== undefined) await removeFolder(temporary);
}

/**
 * Removes a folder a window has used. Its extension host outlives the server by a moment and
 * still writes its log: a file can appear in a folder just emptied, which `maxRetries` (it
 * repeats the last rmdir, not the emptying) does not get over.
 */
export async function removeFolder(folder) {
  for (const deadline = Date.now() + STOP_LIMIT_MS; ;) {
    try {
      rmSync(folder, { recursive: true, force: true });
      return;
    } catch (error) {
      if (error.code !== "ENOTEMPTY" || Date.now() > deadline) throw error;
      await delay(100);
    }
  }
}

/** Installs a .vsix into `extensionsDir`, the way `code --install-extension` does. */
export function installExtension(vsix, { extensionsDir, dataDir }) {
  const run = spawnSync(
    serverFiles.node,
    [
      [serverFiles.main, "--install-extension", vsix, "--force", "--accept-server-license-terms"],
      ["--extensions-dir", extensionsDir, "--server-data-dir", path.join(dataDir, "server")],
    ].flat(),
    { encoding: "utf8", env: { ...cleanEnvironment(), HOME: dataDir, EXTENSIONS_GALLERY: "{}" } },
  );
  if (run.status !== 0) throw new Error(`${vsix} could not be installed\n${run.stderr}`);
}

/**
 * The address of a window on `folder`. `payload` are the workbench's own options as pairs; those
 * that end in `Path` are absolute paths on this machine.
 */
export function windowUrl(port, folder, payload = []) {
  const authority = `vscode-remote://127.0.0.1:${port}`;
  const pairs = payload.map(([key, value]) => [
    key,
    key.endsWith("Path") ? authority + value : value,
  ]);
  const query = new URLSearchParams({ folder });
  if (pairs.length > 0) query.set("payload", JSON.stringify(pairs));
  return `http://127.0.0.1:${port}/?${query}`;
}
