// `npm start`: installs, builds, and opens VS Code with Retune on samples/.
//
// Where a desktop VS Code is on the PATH, it opens with a profile of its own under .cache/start/;
// else VS Code's server from npm serves the same window at a printed address until Ctrl+C.
//   npm start -- --server        the server even where there is a desktop VS Code
//   npm start -- --port 9000     the server's port
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { installServer } from "../test/vscode-server/install.mjs";
import {
  installExtension,
  QUIET_SETTINGS,
  startServer,
  windowUrl,
} from "../test/vscode-server/server.mjs";
import { whenAskedToEnd } from "./asked-to-end.mjs";
import { installPackages, requireNode, root } from "./install.mjs";
import { packageExtension } from "./package.mjs";

/** Kept between starts, so that the browser finds the window's layout again. */
const PREFERRED_PORT = 8420;

const samples = path.join(root, "samples");
/** Open from the first moment: its Start Run is what a newcomer looks for. */
const recipe = path.join(samples, "quick-start.retune.json");
const profile = path.join(root, ".cache/start");
const extensionsDir = path.join(profile, "extensions");

/** The `code` command of a desktop VS Code, or undefined. */
function findDesktop() {
  const names = process.platform === "win32" ? ["code.cmd"] : ["code", "code-insiders"];
  // Inside VS Code's own remote terminal `code` only talks to the window that is open already.
  const folders = (process.env.PATH ?? "")
    .split(path.delimiter)
    .filter((folder) => !folder.includes("remote-cli"));
  return folders
    .flatMap((folder) => names.map((name) => path.join(folder, name)))
    .find((file) => existsSync(file));
}

function code(command, args) {
  const asRoot = process.platform === "linux" && process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  const { status } = spawnSync(
    command,
    [
      ["--user-data-dir", path.join(profile, "desktop"), "--extensions-dir", extensionsDir],
      [...asRoot, ...args],
    ].flat(),
    { stdio: ["ignore", "inherit", "inherit"], shell: process.platform === "win32" },
  );
  if (status !== 0) throw new Error(`${command} ended with code ${status}`);
}

function openDesktop(command, vsix) {
  code(command, ["--install-extension", vsix, "--force"]);
  code(command, ["--new-window", "--disable-workspace-trust", samples, recipe]);
  console.log(`\nRetune is open in VS Code on ${samples}`);
}

function isFree(port) {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}

function recipeUri(port) {
  return `vscode-remote://127.0.0.1:${port}${recipe}`;
}

async function openServer(vsix, port) {
  // From before the server is there: a signal while it starts would leave it alone.
  const askedToEnd = whenAskedToEnd();
  installExtension(vsix, { extensionsDir, dataDir: profile });
  const isFirstStart = !existsSync(path.join(profile, "server/data/User/settings.json"));
  const server = await startServer({
    dataDir: profile,
    extensionsDir,
    settings: isFirstStart ? QUIET_SETTINGS : undefined,
    port: port ?? ((await isFree(PREFERRED_PORT)) ? PREFERRED_PORT : undefined),
    // The person's own home: models in their Hugging Face cache are found, terminals are theirs.
    env: { HOME: homedir(), TMPDIR: tmpdir() },
  });
  const url = windowUrl(server.port, samples, [["openFile", recipeUri(server.port)]]);
  console.log(`\nRetune is open at ${url}`);
  console.log("Ctrl+C ends the server; a training run goes on without it.");
  openInBrowser(url);
  await askedToEnd;
  await server.stop();
  // A second npm or shell that still holds a pipe is no reason to stay.
  process.exit(0);
}

function openInBrowser(url) {
  if (!process.env.DISPLAY && !process.env.WAYLAND_DISPLAY) return;
  const opener = spawn("xdg-open", [url], { stdio: "ignore", detached: true });
  opener.on("error", () => undefined);
  opener.unref();
}

async function main() {
  requireNode();
  const { values } = parseArgs({
    options: { server: { type: "boolean", default: false }, port: { type: "string" } },
  });
  installPackages(root);
  mkdirSync(profile, { recursive: true });
  const desktop = values.server ? undefined : findDesktop();
  if (desktop === undefined) installServer();
  const vsix = packageExtension();
  if (desktop !== undefined) openDesktop(desktop, vsix);
  else await openServer(vsix, values.port === undefined ? undefined : Number(values.port));
}

await main();
