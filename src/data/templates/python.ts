/**
 * CPython in WebAssembly (Pyodide) with jinja2 and our own media/python/render.py in it, for the threads
 * that render chat templates.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { InternalError } from "../../util/errors.ts";
import { temporaryName } from "../../util/temporary-name.ts";
import type { PyodideAPI, PyodideConfig } from "pyodide";

const ROOT = packageRoot(import.meta.dirname);
const PYTHON = path.join(ROOT, "media/python");
const PACKAGES = "/lib/packages";
const FILES = ["markupsafe/__init__.py", "markupsafe/_native.py", "render.py"];
const WHEEL = "jinja2-3.1.6-py3-none-any.whl";

type LoadPyodide = (options?: PyodideConfig) => Promise<PyodideAPI>;

/** The folder above, be it of a bundle or of the sources, that has our Python in it. */
function packageRoot(dir: string): string {
  if (existsSync(path.join(dir, "media/python/render.py"))) return dir;
  const above = path.dirname(dir);
  if (above === dir) throw new InternalError("media/python is missing");
  return packageRoot(above);
}

/** Pyodide's Python, with a function `render` among its globals. */
export async function openPython(): Promise<PyodideAPI> {
  const loadPyodide = await importPyodide();
  const snapshot = snapshotFile();
  if (!existsSync(snapshot)) return installed(await loadPyodide());
  const bytes = readBytes(snapshot);
  const python = await loadPyodide({ _loadSnapshot: bytes });
  // Pyodide keeps its options, and these are 31 MB that nobody reads again.
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  return copyFiles(python);
}

/**
 * Writes the memory of a Python that has imported everything, unless it is there: from it Python
 * starts in a quarter of a second instead of two.
 * @returns its file, in dist/
 */
export async function writeSnapshot(): Promise<string> {
  const file = snapshotFile();
  if (existsSync(file)) return file;
  const python = installed(await (await importPyodide())({ _makeSnapshot: true }));
  // A test that runs beside the build must not read half of it.
  const temporary = temporaryName(file);
  writeFileSync(temporary, python.makeMemorySnapshot());
  renameSync(temporary, file);
  return file;
}

/** Named after all that is in it, so that no other is ever read. */
function snapshotFile(): string {
  const hash = createHash("sha256").update(readFileSync(pyodideFile("package.json")));
  for (const file of [WHEEL, ...FILES]) hash.update(readFileSync(path.join(PYTHON, file)));
  return path.join(ROOT, "dist", `python-${hash.digest("hex").slice(0, 16)}.snapshot`);
}

function pyodideFile(name: string): string {
  const own = createRequire(path.join(ROOT, "package.json")).resolve("pyodide/package.json");
  return path.join(path.dirname(own), name);
}

async function importPyodide(): Promise<LoadPyodide> {
  const url = pathToFileURL(pyodideFile("pyodide.mjs")).href;
  const { loadPyodide } = (await import(url)) as { loadPyodide: LoadPyodide };
  // Where its files are, which it would else read off a stack trace.
  const indexURL = pyodideFile("");
  return (options) => loadPyodide({ ...options, indexURL });
}

/** Pyodide knows plain byte arrays only. */
function readBytes(file: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(file));
}

function installed(python: PyodideAPI): PyodideAPI {
  copyFiles(python);
  python.runPython(`import sys; sys.path.append(${JSON.stringify(PACKAGES)})`);
  python.runPython("from render import render, warm; warm()");
  return python;
}

/** A snapshot has no files, and modules may be imported late. */
function copyFiles(python: PyodideAPI): PyodideAPI {
  const wheel = readBytes(path.join(PYTHON, WHEEL));
  python.unpackArchive(wheel, "wheel", { extractDir: PACKAGES });
  python.FS.mkdirTree(`${PACKAGES}/markupsafe`);
  for (const file of FILES) {
    python.FS.writeFile(`${PACKAGES}/${file}`, readBytes(path.join(PYTHON, file)));
  }
  return python;
}
