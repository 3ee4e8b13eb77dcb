/**
 * Real files, changed by chance, before everything that reads them: `npx tsx test/oracle/fuzz.ts [CASES]
 * [SEED] [KIND …]`. A finding is an error that is no InputError, an exit code but 0 and 2, more than five
 * seconds of computing, more than 2 GB, a process that ends, or a line for people that is long or holds controls.
 */
import { type ChildProcess, fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { errorMessage } from "../../src/util/errors.ts";
import { type Outcome, SLOW_MS, readUnchanged, runCase } from "../support/fuzz/run-case.ts";
import { KINDS, writeFuzzWorkspace } from "../support/fuzz/workspace.ts";

const CASES_OF_A_PROCESS = 150;
/** By the clock: what waits for ever computes nothing. */
const HANG_MS = 12 * SLOW_MS;
const SETUP_MS = 120_000;
const MAX_RSS_KB = 2 * 1024 ** 2;

type Message = { ready: true } | { seed: number } | { seed: number; outcome: Outcome };

const [mode = "300", ...rest] = process.argv.slice(2);
if (mode === "--worker") await work(rest);
else await main(Number(mode), rest);

async function work([from = "", to = "", ...names]: readonly string[]): Promise<void> {
  const dir = mkdtempSync(path.join(tmpdir(), "retune-fuzz-"));
  process.env["RETUNE_CACHE"] = path.join(dir, "cache");
  process.on("exit", () => rmSync(dir, { recursive: true, force: true }));
  const send = (message: Message): unknown => process.send?.(message);
  await writeFuzzWorkspace(dir);
  const kinds = KINDS.filter(({ name }) => names.length === 0 || names.includes(name));
  for (const kind of kinds) {
    await readUnchanged(dir, kind, false).catch((error: unknown) => {
      throw new Error(`${kind.name} unchanged: ${errorMessage(error)}`);
    });
  }
  send({ ready: true });
  for (let seed = Number(from); seed < Number(to); seed++) {
    send({ seed });
    const kind = kinds[seed % kinds.length];
    if (!kind) throw new Error(`there are: ${KINDS.map(({ name }) => name).join(", ")}`);
    const outcome = await runCase(dir, kind, { seed, isQuick: false });
    const { maxRSS } = process.resourceUsage();
    if (maxRSS > MAX_RSS_KB) outcome.findings.push(`${Math.round(maxRSS / 1024)} MB`);
    send({ seed, outcome });
    if (maxRSS > MAX_RSS_KB) break;
  }
  process.exit(0);
}

async function main(cases: number, [first = "1", ...kinds]: readonly string[]): Promise<void> {
  const counts = new Map<string, { cases: number; refused: number }>();
  const end = Number(first) + cases;
  let findings = 0;
  for (let seed = Number(first); seed < end;) {
    const to = Math.min(end, seed + CASES_OF_A_PROCESS);
    const { next, told } = await runWorker([String(seed), String(to), ...kinds]);
    for (const line of told.findings) process.stdout.write(`${line}\n`);
    findings += told.findings.length;
    for (const { file, refusal } of told.outcomes) {
      const kind = file.split(path.sep)[0] ?? "";
      const count = counts.get(kind) ?? { cases: 0, refused: 0 };
      counts.set(kind, {
        cases: count.cases + 1,
        refused: count.refused + Number(refusal !== undefined),
      });
    }
    seed = next;
  }
  for (const [kind, count] of counts) {
    process.stdout.write(`${kind}: ${count.cases} changes, ${count.refused} refused\n`);
  }
  process.stdout.write(`${findings} findings\n`);
  process.exitCode = findings === 0 ? 0 : 1;
}

interface Told {
  outcomes: Outcome[];
  findings: string[];
}

/** Until it ends, by itself or not; @returns the first seed that it has not come to, too */
function runWorker(args: readonly string[]): Promise<{ next: number; told: Told }> {
  const child = fork(fileURLToPath(import.meta.url), ["--worker", ...args], {
    execArgv: process.execArgv.length > 0 ? process.execArgv : ["--import", "tsx"],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  const told: Told = { outcomes: [], findings: [] };
  let [at, said, isReady] = [Number(args[0]), "", false];
  let timer = killAfter(child, SETUP_MS);
  child.stderr
    ?.setEncoding("utf8")
    .on("data", (text: string) => (said = (said + text).slice(-600)));
  child.on("message", (message: Message) => {
    clearTimeout(timer);
    timer = killAfter(child, HANG_MS);
    if ("ready" in message) isReady = true;
    else at = message.seed;
    if (!("outcome" in message)) return;
    at++;
    told.outcomes.push(message.outcome);
    const { file, reader, findings } = message.outcome;
    for (const each of findings)
      told.findings.push(`seed ${message.seed}: ${reader} of ${file}: ${each}`);
  });
  return new Promise((resolve, reject) => {
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      if (!isReady) return reject(new Error(`nothing was changed yet: ${said}`));
      if (code === 0) return resolve({ next: at, told });
      told.findings.push(`seed ${at}: the process ended with ${signal ?? code}: ${said}`);
      resolve({ next: at + 1, told });
    });
  });
}

function killAfter(child: ChildProcess, ms: number): NodeJS.Timeout {
  return setTimeout(() => child.kill("SIGKILL"), ms);
}
