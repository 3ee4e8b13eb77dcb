/**
 * Folders that hold the packages of the Python environments of this machine. No interpreter is run: where its
 * packages lie follows from where it lies.
 */
import { readFile, readdir, realpath } from "node:fs/promises";
import path from "node:path";
import { pathExists } from "../util/path-exists.ts";
import type { Machine } from "./machine.ts";

const POSIX_NAMES = ["python3", "python"];
const WINDOWS_NAMES = ["python.exe", "python3.exe"];

/** The active environment first, then as PATH has them, then what a user's Python adds. Each once. */
export async function packageFolders(machine: Machine): Promise<readonly string[]> {
  const prefixes = [...activePrefixes(machine), ...(await prefixesOnPath(machine))];
  const folders: string[] = [];
  for (const prefix of prefixes) folders.push(...(await packagesUnder(prefix, machine.platform)));
  folders.push(...(await userFolders(machine)));
  return [...new Set(folders)];
}

function activePrefixes({ env }: Machine): string[] {
  return [env["VIRTUAL_ENV"], env["CONDA_PREFIX"]].flatMap((dir) => dir || []);
}

/** Where the interpreters of PATH are installed: of a link, where it lies (a venv) and where it leads. */
async function prefixesOnPath({ platform, env, home }: Machine): Promise<string[]> {
  const separator = platform === "win32" ? ";" : ":";
  const name = Object.keys(env).find((key) => key.toUpperCase() === "PATH") ?? "PATH";
  const folders = (env[name] ?? "").split(separator).filter((dir) => path.isAbsolute(dir));
  const prefixes: string[] = [];
  for (const folder of folders) {
    // A stub of pyenv is a script; the versions that it chooses from lie beside it.
    if (path.basename(folder) === "shims") prefixes.push(...(await pyenvPrefixes(env, home)));
    for (const file of platform === "win32" ? WINDOWS_NAMES : POSIX_NAMES) {
      const interpreter = path.join(folder, file);
      if (!(await pathExists(interpreter))) continue;
      const real = await realpath(interpreter);
      prefixes.push(...[interpreter, real].map((each) => prefixOf(each, platform)));
    }
  }
  return prefixes;
}

function prefixOf(interpreter: string, platform: NodeJS.Platform): string {
  const folder = path.dirname(interpreter);
  const isBelow = platform !== "win32" || path.basename(folder).toLowerCase() === "scripts";
  return isBelow ? path.dirname(folder) : folder;
}

/** The chosen version first: PYENV_VERSION, then the user's global one. */
async function pyenvPrefixes(env: Machine["env"], home: string): Promise<string[]> {
  const root = env["PYENV_ROOT"] ?? path.join(home, ".pyenv");
  const versions = path.join(root, "versions");
  const globalFile = path.join(root, "version");
  const text = env["PYENV_VERSION"] ?? (await readFile(globalFile, "utf8").catch(() => ""));
  const chosen = text.split(/[:\s]+/u).filter((version) => version !== "");
  const all = [...chosen, ...(await namesIn(versions)).toReversed()];
  return all.map((version) => path.join(versions, version));
}

/** The folders of packages under the prefix of an environment, the newest Python's first. */
export async function packagesUnder(prefix: string, platform: NodeJS.Platform): Promise<string[]> {
  if (platform === "win32") return [path.join(prefix, "Lib", "site-packages")];
  const folders: string[] = [];
  for (const lib of [path.join(prefix, "lib"), path.join(prefix, "lib64")]) {
    const versions = (await namesIn(lib)).filter((name) => /^python3(?:\.\d+)?$/u.test(name));
    for (const version of newestFirst(versions)) {
      // dist-packages is Debian's name for what its own packages bring.
      const names = ["site-packages", "dist-packages"];
      folders.push(...names.map((name) => path.join(lib, version, name)));
    }
  }
  return folders;
}

/** Where `pip install --user` puts packages, and where Python itself lies when it is not on PATH. */
async function userFolders(machine: Machine): Promise<string[]> {
  const { platform, env, home, root } = machine;
  if (platform === "win32") {
    const below = async (dir: string | undefined, ...rest: string[]): Promise<string[]> =>
      dir === undefined
        ? []
        : newestFirst(await namesIn(path.join(dir, ...rest))).map((name) =>
            path.join(dir, ...rest, name),
          );
    const user = await below(env["APPDATA"], "Python");
    const own = await below(env["LOCALAPPDATA"], "Programs", "Python");
    return [
      ...user.map((dir) => path.join(dir, "site-packages")),
      ...own.map((dir) => path.join(dir, "Lib", "site-packages")),
    ];
  }
  const folders = await packagesUnder(path.join(home, ".local"), platform);
  if (platform === "darwin") {
    const library = path.join(home, "Library", "Python");
    const versions = newestFirst(await namesIn(library));
    folders.push(...versions.map((name) => path.join(library, name, "lib/python/site-packages")));
  }
  for (const prefix of ["usr/local", "usr"]) {
    folders.push(...(await packagesUnder(path.join(root, prefix), platform)));
  }
  return folders;
}

/** Python 3.12 before 3.9. */
function newestFirst(names: readonly string[]): string[] {
  const order = new Intl.Collator("en", { numeric: true });
  return names.toSorted((a, b) => order.compare(b, a));
}

function namesIn(dir: string): Promise<string[]> {
  return readdir(dir).catch(() => []);
}
