// Installs what the project needs, and nothing twice. Built-ins only: it runs before `npm ci` has.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const root = path.resolve(fileURLToPath(import.meta.url), "../..");

const OLDEST_NODE = 20;

/** Ends the process with one line when this Node is too old to run anything here. */
export function requireNode() {
  if (Number(process.versions.node.split(".")[0]) >= OLDEST_NODE) return;
  console.error(`Node ${OLDEST_NODE} or newer is needed, this is ${process.versions.node}.`);
  process.exit(2);
}

/** `npm`, without a shell where it can be: through npm's own script when npm started us. */
function npm(args, cwd) {
  const script = process.env.npm_execpath;
  const viaScript = script?.endsWith(".js") && existsSync(script);
  const command = viaScript ? process.execPath : "npm";
  return spawnSync(command, viaScript ? [script, ...args] : args, {
    cwd,
    stdio: ["ignore", "inherit", "inherit"],
    shell: !viaScript && process.platform === "win32",
  });
}

function packagesOf(lockFile) {
  if (!existsSync(lockFile)) return {};
  return JSON.parse(readFileSync(lockFile, "utf8")).packages ?? {};
}

/** True when node_modules holds every package of the lock file in its version. */
function isInstalled(folder) {
  const wanted = packagesOf(path.join(folder, "package-lock.json"));
  const present = packagesOf(path.join(folder, "node_modules/.package-lock.json"));
  return Object.entries(wanted).every(([place, entry]) => {
    if (place === "") return true;
    // An optional package may belong to another platform.
    if (entry.optional && present[place] === undefined) return true;
    const found = present[place];
    return found !== undefined && (entry.link || found.version === entry.version);
  });
}

/** `npm ci` in `folder` unless node_modules already is what its lock file says. */
export function installPackages(folder) {
  if (existsSync(path.join(folder, "node_modules")) && isInstalled(folder)) return;
  console.log(`npm ci in ${path.relative(root, folder) || "."} …`);
  const { status } = npm(["ci", "--no-audit", "--no-fund", "--loglevel=error"], folder);
  if (status === 0) return;
  throw new Error(
    `npm ci failed in ${folder} (where it says "Missing: … from lock file", run node .ci/complete-lock.mjs)`,
  );
}

const BROWSERS = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/usr/bin/google-chrome-stable",
];

/** The Chromium that drives VS Code's window, or undefined. RETUNE_CHROMIUM names another one. */
export function findChromium() {
  return [process.env.RETUNE_CHROMIUM, ...BROWSERS].find((file) => file && existsSync(file));
}

/** Finds Chromium, or installs the distribution's where this process may. */
export function installChromium() {
  const found = findChromium();
  if (found !== undefined) return found;
  if (process.getuid?.() === 0 && existsSync("/usr/bin/apt-get")) {
    console.log("apt-get install chromium …");
    const apt = (...args) =>
      spawnSync("apt-get", ["-qq", "-o", "Dpkg::Use-Pty=0", ...args], {
        stdio: ["ignore", "ignore", "inherit"],
        env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
      });
    apt("update");
    apt("install", "-y", "--no-install-recommends", "chromium");
  }
  const installed = findChromium();
  if (installed === undefined) {
    throw new Error(
      "The suites in VS Code need Chromium, and none was found: install it (apt-get install chromium), or name one in RETUNE_CHROMIUM.",
    );
  }
  return installed;
}
