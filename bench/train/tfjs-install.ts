/** TensorFlow.js under out/, for the one case that measures it: no dependency of the project. */
import { execFileSync, spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";

export const TFJS_VERSION = "4.22.0";
/** Has the C interface that tfjs-node's addon is written against, and wheels for Python 3.9 to 3.12. */
const TENSORFLOW_WHEEL = "tensorflow-cpu==2.16.2";

const PACKAGES = { node: ["tfjs-node"], wasm: ["tfjs", "tfjs-backend-wasm"] } as const;
export type TfjsBackend = keyof typeof PACKAGES;
export const TFJS_BACKENDS = Object.keys(PACKAGES) as TfjsBackend[];

/** The end of what a failed command printed. */
const KEPT_ERROR = 300;

function run(command: string, args: readonly string[], cwd: string): void {
  const { status, stderr, error } = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (error) throw error;
  if (status === 0) return;
  const text = stderr.replaceAll(/\s+/g, " ").trim().slice(-KEPT_ERROR);
  throw new Error(`${command} ${args.slice(0, 3).join(" ")} ended with ${status}: ${text}`);
}

/**
 * Compiles tfjs-node's addon as its binding.gyp does, against the TensorFlow library of the Python
 * package: the package's own install script downloads both from a place that is not a package
 * registry.
 */
function buildAddon(dir: string, python: string): void {
  const wheel = path.join(dir, "wheel");
  const pip = ["-m", "pip", "download", "--quiet", "--no-deps", "--dest", wheel, TENSORFLOW_WHEEL];
  run(python, pip, dir);
  const [file = ""] = readdirSync(wheel).filter((name) => name.endsWith(".whl"));
  run(python, ["-m", "zipfile", "-e", path.join(wheel, file), wheel], dir);
  rmSync(path.join(wheel, file));
  const library = path.join(wheel, "tensorflow");
  symlinkSync("libtensorflow_cc.so.2", path.join(library, "libtensorflow.so"));
  symlinkSync("libtensorflow_framework.so.2", path.join(library, "libtensorflow_framework.so"));
  const module = path.join(dir, "node_modules/@tensorflow/tfjs-node");
  const headers = path.join(path.dirname(process.execPath), "../include/node");
  const addon = path.join(dir, "tfjs_binding.node");
  // oxfmt-ignore
  const compile = [
    "-O2", "-shared", "-fPIC", "-std=c++17", "-DNAPI_VERSION=8", "-o", addon,
    `-I${headers}`, `-I${path.dirname(module)}`, `-I${path.join(library, "include")}`,
    "binding/tfjs_backend.cc", "binding/tfjs_binding.cc",
    `-L${library}`, `-Wl,-rpath,${library}`, "-ltensorflow", "-ltensorflow_framework",
  ];
  run("g++", compile, module);
  mkdirSync(path.join(module, "lib/napi-v8"), { recursive: true });
  copyFileSync(addon, path.join(module, "lib/napi-v8/tfjs_binding.node"));
}

/**
 * Installs a backend once.
 * @returns how it was come by
 * @throws Error that says why it could not be
 */
export function installTfjs(dir: string, backend: TfjsBackend, python: string): string {
  const done = path.join(dir, "installed");
  if (existsSync(done)) return readFileSync(done, "utf8");
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  writeFileSync(path.join(dir, "package.json"), JSON.stringify({ private: true }));
  const names = PACKAGES[backend].map((name) => `@tensorflow/${name}@${TFJS_VERSION}`);
  const install = ["install", "--ignore-scripts", "--no-audit", "--no-fund", ...names];
  execFileSync("npm", install, { cwd: dir, stdio: ["ignore", 2, 2] });
  if (backend === "node") buildAddon(dir, python);
  const how = backend === "node" ? `addon compiled against ${TENSORFLOW_WHEEL}` : "as published";
  writeFileSync(done, how);
  return how;
}
