/**
 * Finds an OpenVINO runtime on this machine; docs/engine.md says what it is for. Files are looked at, nothing is
 * loaded or run. In the order of what the user has said most plainly: the folder that was named, what *Install
 * bfloat16 Runtime* fetched, a Python environment's `openvino`, the system's package.
 */
import { readFile, readdir } from "node:fs/promises";
import path from "node:path";
import { defaultCacheDir } from "../util/cache-root.ts";
import { OPENVINO_FOLDER_VARIABLE, OPENVINO_OFF } from "../protocol/openvino.ts";
import { type FolderContents, type OpenvinoLibraries, readRuntimes } from "./libraries.ts";
import { type Machine, thisMachine } from "./machine.ts";
import { packageFolders, packagesUnder } from "./python-folders.ts";
import { TESTED_VERSIONS, isTested } from "./runtime-version.ts";
import { systemFolders } from "./system-folders.ts";

export type OpenvinoSource = "named" | "cache" | "python" | "system";

export interface OpenvinoRuntime {
  /** The folder of its libraries. */
  dir: string;
  /** "2026.4.1" */
  version: string;
  libraries: OpenvinoLibraries;
  source: OpenvinoSource;
}

export interface LocateOptions {
  /** A folder that the user names, first of all, or "off"; default `$RETUNE_OPENVINO`. */
  folder?: string | undefined;
  /** Where *Install bfloat16 Runtime* puts it; default `$RETUNE_CACHE/openvino`, or `~/.cache/retune/openvino`. */
  cacheDir?: string;
  machine?: Machine;
  /** A line for each runtime that was passed over, and why. */
  log?: (line: string) => void;
}

const OFF_LINE = `${OPENVINO_FOLDER_VARIABLE} is "${OPENVINO_OFF}": no OpenVINO is looked for`;

/** @returns the first that can be used */
export async function locateOpenvino(
  options: LocateOptions = {},
): Promise<OpenvinoRuntime | undefined> {
  const {
    log = () => {},
    machine = thisMachine(),
    cacheDir = defaultCacheDir("openvino"),
  } = options;
  const folder = options.folder ?? machine.env[OPENVINO_FOLDER_VARIABLE];
  if (folder === OPENVINO_OFF) {
    log(OFF_LINE);
    return undefined;
  }
  if (folder !== undefined && folder !== "") {
    const found = await inNamedFolder(path.resolve(folder), machine, log);
    if (found) return found;
  }
  for await (const { dir, source, known } of candidates(machine, cacheDir)) {
    const found = pick(await readRuntimes(dir, known), source, log);
    if (found) return found;
  }
  return undefined;
}

interface Candidate {
  dir: string;
  source: OpenvinoSource;
  /** What is written beside the libraries of their version. */
  known?: string | undefined;
}

async function* candidates(machine: Machine, cacheDir: string): AsyncGenerator<Candidate> {
  for (const dir of await installedFolders(cacheDir)) {
    yield { dir, source: "cache", known: path.basename(dir) };
  }
  const packages = await packageFolders(machine);
  for (const folder of packages) yield* wheelIn(folder);
  for (const dir of await systemFolders(machine)) yield { dir, source: "system" };
}

/** Folders named by version; what is being written ends with .tmp. */
async function installedFolders(cacheDir: string): Promise<string[]> {
  const names = await readdir(cacheDir).catch((): string[] => []);
  const versions = names.filter((name) => /^[\d.]+$/u.test(name)).toSorted();
  return versions.toReversed().map((name) => path.join(cacheDir, name));
}

async function* wheelIn(packages: string): AsyncGenerator<Candidate> {
  const names = await readdir(packages).catch((): string[] => []);
  if (!names.includes("openvino")) return;
  const info = names.find((name) => /^openvino-[\d.]+\.dist-info$/u.test(name));
  const known = info?.slice("openvino-".length, -".dist-info".length);
  yield { dir: path.join(packages, WHEEL_PLACE), source: "python", known };
}

/** The folder itself, and the places below it where archives, wheels and environments have their libraries. */
async function inNamedFolder(
  folder: string,
  { platform }: Machine,
  log: (line: string) => void,
): Promise<OpenvinoRuntime | undefined> {
  const known = await archiveVersion(folder);
  const environment = (await packagesUnder(folder, platform)).map((dir) =>
    path.join(path.relative(folder, dir), WHEEL_PLACE),
  );
  const places = [
    ".",
    "libs",
    WHEEL_PLACE,
    ...environment,
    ...ARCHIVE_PLACES,
    "lib",
    "Library/bin",
  ];
  let isThere = false;
  for (const place of places) {
    const contents = await readRuntimes(path.join(folder, place), known);
    isThere ||= contents.length > 0;
    const found = pick(contents, "named", log);
    if (found) return found;
  }
  if (!isThere)
    log(
      `${folder}: no OpenVINO here; ${OPENVINO_FOLDER_VARIABLE} and retune.openvinoFolder name the folder with libopenvino, or openvino.dll`,
    );
  return undefined;
}

/** Where the wheel keeps them, in a folder of packages. */
const WHEEL_PLACE = "openvino/libs";

/** Where the archives from OpenVINO's own pages keep the libraries. */
const ARCHIVE_PLACES = [
  "runtime/lib/intel64",
  "runtime/lib/aarch64",
  "runtime/lib/arm64/Release",
  "runtime/bin/intel64/Release",
];

/** An archive's runtime/version.txt: "2026.4.1-22982-e213a147257-releases/2026/4" */
async function archiveVersion(folder: string): Promise<string | undefined> {
  const file = path.join(folder, "runtime", "version.txt");
  const text = await readFile(file, "utf8").catch(() => "");
  return /^\d+\.\d+\.\d+/u.exec(text)?.[0];
}

function pick(
  contents: readonly FolderContents[],
  source: OpenvinoSource,
  log: (line: string) => void,
): OpenvinoRuntime | undefined {
  for (const { dir, version, libraries, missing } of contents) {
    if (!isTested(version)) {
      log(`${dir}: OpenVINO ${version} is passed over, only ${TESTED_VERSIONS} was tested`);
    } else if (libraries) {
      return { dir, version, libraries, source };
    } else {
      log(`${dir}: OpenVINO ${version} is passed over, it has no ${missing.join(", ")}`);
    }
  }
  return undefined;
}
