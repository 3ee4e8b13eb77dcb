/**
 * Brings an OpenVINO runtime into the user's cache: about a hundred megabytes of libraries out of the pinned wheel,
 * which a package client of the user's fetches. No address of an index is known here, and no Python is needed to run
 * what was installed. The npm package `openvino-node` is no way: its archive is built without the C interface.
 */
import { mkdir, readdir, rm } from "node:fs/promises";
import path from "node:path";
import { checkRoom, removeAbandoned } from "../util/cache-folder.ts";
import { defaultCacheDir } from "../util/cache-root.ts";
import { InputError, errorMessage, isDiskFull } from "../util/errors.ts";
import { formatBytes } from "../util/format.ts";
import { replaceFolder } from "../util/replace-folder.ts";
import { type OpenvinoRuntime, locateOpenvino } from "./locate.ts";
import { type Machine, thisMachine } from "./machine.ts";
import { type PackageClient, clientsOf, commandToType, runClient } from "./package-clients.ts";
import { PINNED_VERSION } from "./runtime-version.ts";
import { bytesOf, takeFromFolder, takeFromWheel } from "./take-libraries.ts";
import {
  type PinnedLibrary,
  type PinnedWheel,
  checkSystem,
  systemGlibc,
  wheelFor,
} from "./wheels.ts";

export interface InstallOptions {
  /** Takes the plugin of Intel's graphics, too. */
  gpu?: boolean;
  /** A wheel that the user has fetched elsewhere; no client is asked. */
  wheelFile?: string | undefined;
  cacheDir?: string;
  machine?: Machine;
  /** Tried in their order; default the user's. */
  clients?: readonly PackageClient[];
  /** What is taken; default the pinned wheel of this machine. */
  wheel?: PinnedWheel;
  signal?: AbortSignal;
  log: (line: string) => void;
}

export interface Installed {
  runtime: OpenvinoRuntime;
  /** False: it was on the machine. */
  isNew: boolean;
}

/** @throws InputError when none of the ways works, with the command to type; the cache is then as it was */
export async function installOpenvino(options: InstallOptions): Promise<Installed> {
  const { machine = thisMachine(), cacheDir = defaultCacheDir("openvino"), log } = options;
  const gpu = options.gpu ?? false;
  const isEnough = ({ libraries }: OpenvinoRuntime): boolean =>
    !gpu || libraries.gpuPlugin !== undefined;
  const there = await locateOpenvino({ cacheDir, machine, log });
  if (there && isEnough(there) && options.wheelFile === undefined) {
    return { runtime: there, isNew: false };
  }
  const wheel = options.wheel ?? wheelFor(machine);
  if (machine.platform === "linux") checkSystem(wheel, systemGlibc());
  const libraries = gpu ? [...wheel.libraries, ...wheel.gpu] : wheel.libraries;
  if (gpu && wheel.gpu.length === 0) {
    throw new InputError(
      `OpenVINO's wheel for ${machine.platform}-${machine.arch} has no GPU plugin; leave --gpu out`,
    );
  }
  const dir = path.join(path.resolve(cacheDir), PINNED_VERSION);
  await removeAbandoned(dir);
  const fetching = { ...options, machine, wheel, libraries, signal: options.signal ?? NEVER };
  await replaceFolder(dir, (temporary) => fill(temporary, fetching));
  // As everybody will find it who has named no folder.
  const runtime = await locateOpenvino({ cacheDir, machine: { ...machine, env: {} }, log });
  if (runtime?.dir !== dir) throw new InputError(`${dir}: what was installed is not found again`);
  return { runtime, isNew: true };
}

const NEVER = new AbortController().signal;

interface Filling extends InstallOptions {
  machine: Machine;
  wheel: PinnedWheel;
  libraries: readonly PinnedLibrary[];
  signal: AbortSignal;
}

async function fill(temporary: string, filling: Filling): Promise<void> {
  const { wheel, wheelFile, libraries, signal, log } = filling;
  const fetched = wheelFile === undefined ? wheel.wheelBytes : 0;
  await checkRoom(temporary, bytesOf(libraries) + fetched, "installing OpenVINO");
  const taking = { libraries, into: temporary, signal };
  if (wheelFile !== undefined) return takeFromWheel(path.resolve(wheelFile), taking);
  /** Clients by what each says: pip has several names. */
  const failures = new Map<string, string[]>();
  for (const client of filling.clients ?? clientsOf(filling.machine)) {
    const name = client.command.join(" ");
    const into = path.join(temporary, "fetched");
    try {
      await mkdir(into);
      const onStart = (): void =>
        log(`${name} fetches OpenVINO ${PINNED_VERSION}, about ${formatBytes(wheel.wheelBytes)}`);
      const onLine = (line: string): void => log(`${name}: ${line}`);
      const options = { wheel, into, env: filling.machine.env, signal, onStart, onLine };
      if (!(await runClient(client, options))) continue;
      log(
        `taking ${libraries.length} libraries, ${formatBytes(bytesOf(libraries))}, and checking them`,
      );
      if (client.brings === "packages") return await takeFromFolder(into, taking);
      return await takeFromWheel(await wheelIn(into), taking);
    } catch (error) {
      if (signal.aborted || isDiskFull(error)) throw error;
      const reason = errorMessage(error);
      failures.set(reason, [...(failures.get(reason) ?? []), name]);
      log(`${name}: ${reason}`);
      await Promise.all(
        libraries.map(({ name: file }) => rm(path.join(temporary, file), { force: true })),
      );
    } finally {
      await rm(into, { recursive: true, force: true });
    }
  }
  throw new InputError(noWay(failures, wheel));
}

async function wheelIn(dir: string): Promise<string> {
  const wheel = (await readdir(dir)).find((name) => name.endsWith(".whl"));
  if (wheel === undefined) throw new InputError("it ended well, but brought no wheel");
  return path.join(dir, wheel);
}

function noWay(failures: ReadonlyMap<string, readonly string[]>, wheel: PinnedWheel): string {
  const reasons = [...failures].map(([reason, names]) => `${names.join(", ")}: ${reason}`);
  const why = reasons.length > 0 ? reasons.join("; ") : "there is neither uv nor pip on PATH";
  const type = `${commandToType(wheel)}, and then here: retune install openvino --wheel FILE`;
  return `OpenVINO ${PINNED_VERSION} could not be fetched (${why}); type where it can: ${type}`;
}
