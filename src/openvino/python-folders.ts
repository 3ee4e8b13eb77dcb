/**
 * Folders that hold the packages of the Python environments of this machine. No interpreter is run: where its
 * packages lie follows from where it lies.
 */
import { readFile, readdir, realpath } from "node:fs/promises";
import path from "node:path";
import type { Machine } from "./machine.ts";

const POSIX_NAMES = ["python3", "python"];
const WINDOWS_NAMES = ["python.exe", "python3.exe"];

/** The active environment first, then as PATH has them, then what a user's Python adds. Each once. */
export async function packageFolders(machine: Machine): Promise<readonly string[]> {
  const prefixes = [activePrefixes(machine), await prefixesOnPath(machine)].flat();
  const folders = await Promise.all(
    prefixes.map((prefix) => packagesUnder(prefix, machine.platform)),
  );
  return [...new Set([...folders.flat(), ...(await userFolders(machine))])];
}

function activePrefixes({ env }: Machine): string[] {
  return [env["VIRTUAL_ENV"], env["CONDA_PREFIX"]].flatMap((dir) => dir || []);
}

async function prefixesOnPath(machine: Machine): Promise<string[]> {
  const { platform, env } = machine;
  const separator = platform === "win32" ? ";" : ":";
  const name = Object.keys(env).find((key) => key.toUpperCase() === "PATH") ?? "PATH";
  const folders = (env[name] ?? "").split(separator).filter((dir) => path.isAbsolute(dir));
  const names = platform === "win32" ? WINDOWS_NAMES : POSIX_NAMES;
  const prefixes = await Promise.all(
    folders.map(async (folder) => [
      // A stub of pyenv is a script; the versions that it chooses from lie beside it.
      ...(path.basename(folder) === "shims" ? await pyenvPrefixes(machine) : []),
      ...(await Promise.all(names.map((each) => prefixesOf(path.join(folder, each), platform)))),
    ]),
  );
  return prefixes.flat(2);
}

/** Where an interpreter is installed: of a link, where it lies (a venv) and where it leads. */
async function prefixesOf(interpreter: string, platform: NodeJS.Platform): Promise<string[]> {
  const real = await realpath(interpreter).catch(() => undefined);
  if (real === undefined) return [];
  return [interpreter, real].map((each) => prefixOf(each, platform));
}

function prefixOf(interpreter: string, platform: NodeJS.Platform): string {
  const folder = path.dirname(interpreter);
  const isBelow = platform !== "win32" || path.basename(folder).toLowerCase() === "scripts";
  return isBelow ? path.dirname(folder) : folder;
}

/** The chosen version first: PYENV_VERSION's, or the user's global one. */
async function pyenvPrefixes({ env, home }: Machine): Promise<string[]> {
  const root = env["PYENV_ROOT"] ?? path.join(home, ".pyenv");
  const globalFile = path.join(root, "version");
  const text = env["PYENV_VERSION"] ?? (await readFile(globalFile, "utf8").catch(() => ""));
  const chosen = text.split(/[:\s]+/u).filter((version) => version !== "");
  const versions = path.join(root, "versions");
  return [...chosen.map((version) => path.join(versions, version)), ...(await foldersIn(versions))];
}

/** The folders of packages under the prefix of an environment, the newest Python's first. */
export async function packagesUnder(prefix: string, platform: NodeJS.Platform): Promise<string[]> {
  if (platform === "win32") return [path.join(prefix, "Lib", "site-packages")];
  const folders = await Promise.all(
    ["lib", "lib64"].map(async (lib) => {
      const versions = await foldersIn(path.join(prefix, lib), /^python3(?:\.\d+)?$/u);
      // dist-packages is Debian's name for what its own packages bring.
      return versions.flatMap((dir) =>
        ["site-packages", "dist-packages"].map((name) => path.join(dir, name)),
      );
    }),
  );
  return folders.flat();
}

/** Where `pip install --user` puts packages, and where Python lies when it is not on PATH. */
async function userFolders({ platform, env, home, root }: Machine): Promise<string[]> {
  if (platform === "win32") {
    const { APPDATA = home, LOCALAPPDATA = home } = env;
    const user = await foldersIn(path.join(APPDATA, "Python"));
    const own = await foldersIn(path.join(LOCALAPPDATA, "Programs", "Python"));
    return [
      ...user.map((dir) => path.join(dir, "site-packages")),
      ...own.map((dir) => path.join(dir, "Lib", "site-packages")),
    ];
  }
  const library = platform === "darwin" ? await foldersIn(path.join(home, "Library/Python")) : [];
  const prefixes = [
    path.join(home, ".local"),
    path.join(root, "usr/local"),
    path.join(root, "usr"),
  ];
  const folders = await Promise.all(prefixes.map((prefix) => packagesUnder(prefix, platform)));
  return [...library.map((dir) => path.join(dir, "lib/python/site-packages")), ...folders.flat()];
}

/** Python 3.12 before 3.9. */
async function foldersIn(dir: string, pattern = /^/u): Promise<string[]> {
  const names = await readdir(dir).catch((): string[] => []);
  const order = new Intl.Collator("en", { numeric: true });
  return names
    .filter((name) => pattern.test(name))
    .toSorted((a, b) => order.compare(b, a))
    .map((name) => path.join(dir, name));
}
