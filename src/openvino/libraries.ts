/** The libraries of an OpenVINO runtime by what they do, and where they lie in a folder. */
import { readFile, readdir } from "node:fs/promises";
import path from "node:path";
import { namedVersion, resourceVersion } from "./runtime-version.ts";

/** Absolute paths. */
export interface OpenvinoLibraries {
  core: string;
  /** The C interface. */
  c: string;
  onnxFrontend: string;
  irFrontend: string;
  cpuPlugin: string;
  gpuPlugin?: string;
  /** What those load in turn, as far as it lies with them: oneTBB and hwloc. */
  dependencies: readonly string[];
}

/** What a runtime must have to run a graph of ours. */
const NEEDED = {
  core: "openvino",
  c: "openvino_c",
  onnxFrontend: "openvino_onnx_frontend",
  irFrontend: "openvino_ir_frontend",
  cpuPlugin: "openvino_intel_cpu_plugin",
} as const;
/** The processor's plugin has another name where the processor is an ARM one. */
const ARM_CPU_PLUGIN = "openvino_arm_cpu_plugin";
const GPU_PLUGIN = "openvino_intel_gpu_plugin";
const DEPENDENCY = /^(?:tbb|tbb12|tbbbind_\d+_\d+|tbbmalloc|hwloc)$/u;

/** Forms: libopenvino_c.so.2641, libopenvino_c.2641.dylib, openvino_c.dll; plugins end with .so on macOS, too. */
const FILE_NAME =
  /^(?:lib)?(?<stem>[a-z]\w*?)(?:\.(?<before>[\d.]+))?\.(?:so|dylib|dll)(?:\.(?<after>[\d.]+))?$/u;

interface LibraryFile {
  file: string;
  stem: string;
  /** As the name has it; plugins and Windows have none. */
  version: string | undefined;
}

/** What of a runtime lies in a folder. */
export interface FolderContents {
  dir: string;
  version: string;
  /** Undefined when something that is needed is missing. */
  libraries: OpenvinoLibraries | undefined;
  /** The names of what is missing, as OpenVINO's documents have them. */
  missing: readonly string[];
}

/** The versions whose core library lies in the folder; several where a system keeps them side by side. */
export async function readRuntimes(
  dir: string,
  knownVersion?: string,
): Promise<readonly FolderContents[]> {
  const files = await libraryFiles(dir);
  const cores = files.filter(({ stem }) => stem === NEEDED.core);
  const named = new Set(cores.flatMap(({ version }) => version ?? []));
  const core = cores[0];
  if (named.size === 0 && core) named.add(knownVersion ?? (await versionInside(core.file)));
  return Promise.all([...named].map((version) => readVersion(dir, files, version)));
}

async function readVersion(
  dir: string,
  files: readonly LibraryFile[],
  version: string,
): Promise<FolderContents> {
  // Systems keep the plugins of each version in a folder beside its libraries.
  const plugins = await libraryFiles(path.join(dir, `openvino-${version}`));
  const own = [...plugins, ...files].filter((file) => (file.version ?? version) === version);
  const find = (stem: string): string | undefined =>
    // The name that the loader knows, libopenvino.so.2641, not a developer's link without a version.
    own.toSorted((a, b) => Number(!a.version) - Number(!b.version)).find((a) => a.stem === stem)
      ?.file;
  const core = find(NEEDED.core);
  const c = find(NEEDED.c);
  const onnxFrontend = find(NEEDED.onnxFrontend);
  const irFrontend = find(NEEDED.irFrontend);
  const cpuPlugin = find(NEEDED.cpuPlugin) ?? find(ARM_CPU_PLUGIN);
  if (!core || !c || !onnxFrontend || !irFrontend || !cpuPlugin) {
    const found = { core, c, onnxFrontend, irFrontend, cpuPlugin };
    const missing = Object.entries(NEEDED).flatMap(([role, stem]) =>
      found[role as keyof typeof NEEDED] ? [] : [stem],
    );
    return { dir, version, libraries: undefined, missing };
  }
  const gpuPlugin = find(GPU_PLUGIN);
  const dependencies = await dependenciesOf(dir, files);
  const needed = { core, c, onnxFrontend, irFrontend, cpuPlugin, dependencies };
  return {
    dir,
    version,
    libraries: gpuPlugin === undefined ? needed : { ...needed, gpuPlugin },
    missing: [],
  };
}

/**
 * In the wheel they lie beside the others; in the archive under runtime/3rdparty, where runtime/lib/intel64,
 * runtime/lib/arm64/Release and runtime/bin/intel64/Release hold the others; systems have them of their own.
 */
async function dependenciesOf(dir: string, beside: readonly LibraryFile[]): Promise<string[]> {
  const thirdParty = ["../..", "../../.."].map((up) => path.join(dir, up, "3rdparty", "tbb"));
  const folders = thirdParty.flatMap((tbb) => [path.join(tbb, "lib"), path.join(tbb, "bin")]);
  const files = [...beside, ...(await Promise.all(folders.map(libraryFiles))).flat()];
  return files.filter(({ stem }) => DEPENDENCY.test(stem)).map(({ file }) => file);
}

/** None where the folder is missing or closed to us. */
async function libraryFiles(dir: string): Promise<LibraryFile[]> {
  const names = await readdir(dir).catch((): string[] => []);
  return names.toSorted().flatMap((name): LibraryFile[] => {
    const { stem, before, after } = FILE_NAME.exec(name)?.groups ?? {};
    const digits = before ?? after;
    const isOurs = stem?.startsWith(NEEDED.core) || DEPENDENCY.test(stem ?? "");
    if (stem === undefined || !isOurs) return [];
    const version = digits === undefined ? undefined : namedVersion(digits);
    return [{ file: path.join(dir, name), stem, version }];
  });
}

async function versionInside(core: string): Promise<string> {
  const isWindows = core.endsWith(".dll");
  const found = isWindows ? resourceVersion(await readFile(core)) : undefined;
  return found ?? "of an unknown version";
}
