/**
 * Benchmarks the training engine against PyTorch + transformers + PEFT on this machine; see
 * docs/benchmarks.md. Linux.
 *
 *   npx tsx bench/train/main.ts [--precision bfloat16] [--cases a,b] [--rounds N] [--python PY] [--threads N]
 *     [--json FILE] [--quick]
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { processorUnits } from "../../src/openvino/processor.ts";
import type { Precision } from "../../src/protocol/engines/onnx.ts";
import { CASES } from "./cases.ts";
import { type Context, bundleWorkers } from "./context.ts";
import { peerPython } from "./python-environment.ts";

const DEFAULT_ROUNDS = 7;

function count(text: string | undefined, option: string, otherwise: number): number {
  if (text === undefined) return otherwise;
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) {
    throw new Error(`--${option} ${text} is not a whole number above 0`);
  }
  return number;
}

function selectedCases(text: string | undefined): string[] {
  const names = text?.split(",") ?? Object.keys(CASES);
  const unknown = names.filter((name) => !(name in CASES));
  if (unknown.length > 0) {
    throw new Error(`no case ${unknown.join(", ")}; there are ${Object.keys(CASES).join(", ")}`);
  }
  return names;
}

function precisionOf(text: string): Precision {
  if (text === "float32" || text === "bfloat16") return text;
  throw new Error(`--precision ${text}: it is float32 or bfloat16`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      python: { type: "string" },
      precision: { type: "string", default: "float32" },
      cases: { type: "string" },
      rounds: { type: "string" },
      threads: { type: "string" },
      json: { type: "string" },
      quick: { type: "boolean", default: false },
    },
  });
  const names = selectedCases(values.cases);
  const outDir = path.join(import.meta.dirname, "../../out/bench");
  mkdirSync(outDir, { recursive: true });
  const context: Context = {
    outDir,
    python: peerPython(values.python, {
      dir: path.join(outDir, "venv"),
      requirements: path.join(import.meta.dirname, "requirements.txt"),
    }),
    threads: count(values.threads, "threads", availableParallelism()),
    rounds: count(values.rounds, "rounds", DEFAULT_ROUNDS),
    precision: precisionOf(values.precision),
    quick: values.quick,
    log: (line) => console.error(line),
  };
  await bundleWorkers(context);
  const machine = {
    processor: cpus()[0]?.model,
    bfloat16Units: (await processorUnits()).units,
    threads: context.threads,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    date: new Date().toISOString(),
  };
  const units = machine.bfloat16Units.join(" ") || "no bfloat16 units";
  console.log(
    `${machine.processor} (${units}), ${machine.threads} threads, ${machine.memoryGb} GiB, ${context.precision}, ${machine.date}\n`,
  );
  const json = values.json ?? path.join(outDir, "train.json");
  const cases: Record<string, unknown> = {};
  for (const name of names) {
    const load = loadavg()[0]?.toFixed(1);
    console.error(`case ${name}`);
    const result = await CASES[name]?.(context);
    if (!result) continue;
    console.log(`### ${name}: ${result.title}\n\n${result.table}\n`);
    console.log(`Load average when it began: ${load}.\n`);
    cases[name] = result.data;
    // After every case: an interrupted run keeps what it has measured.
    writeFileSync(json, JSON.stringify({ machine, rounds: context.rounds, cases }, null, 2));
  }
}

await main();
