/**
 * Merging two models: seconds and peak memory against a plain copy of the same files and against mergekit,
 * in turns, on one disk.
 *
 *   npm run bench:merge -- [--sizes 1,4] [--rounds N] [--methods linear,slerp,…] [--python PY] [--no-mergekit]
 *
 * Without --python it makes a virtual environment with bench/merge/requirements.txt under out/bench/merge-venv.
 * Needs three times the pair's size on the disk: 6 GB for size 1, 25 GB for size 4.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { pairedRatio, spread } from "../train/statistics.ts";
import { peerPython } from "../train/python-environment.ts";
import { mergekitYaml, retuneFlags } from "./configs.ts";
import { type ModelPair, isSize, modelPair } from "./models.ts";
import { type Timed, timed } from "./timed-process.ts";

const ROOT = path.join(import.meta.dirname, "../..");
const CLI = path.join(ROOT, "dist/cli.cjs");
const DIR = path.join(ROOT, "out/bench/merge");

const { values } = parseArgs({
  options: {
    sizes: { type: "string", default: "1,4" },
    rounds: { type: "string", default: "3" },
    methods: { type: "string", default: "linear,slerp,task_arithmetic,ties,dare_ties" },
    python: { type: "string" },
    "no-mergekit": { type: "boolean", default: false },
  },
});

interface Contender {
  name: string;
  run: (out: string) => Promise<Timed>;
}

function contenders(pair: ModelPair, methods: readonly string[]): Contender[] {
  const [a, b] = pair.dirs;
  const python = values["no-mergekit"]
    ? undefined
    : peerPython(values.python, {
        dir: path.join(ROOT, "out/bench/merge-venv"),
        requirements: path.join(import.meta.dirname, "requirements.txt"),
      });
  const copies = [
    { name: "cp of both models", run: (out: string) => timed("cp", ["-r", a, b, out], out) },
    { name: "cp of one model", run: (out: string) => timed("cp", ["-r", a, out], out) },
  ];
  const merges = methods.flatMap((method): Contender[] => {
    const ours = {
      name: `retune ${method}`,
      run: (out: string) => {
        const flags = retuneFlags(method, a, b);
        const target = path.join(out, "merged");
        return timed(process.execPath, [CLI, "merge", ...flags, "--out", target], out);
      },
    };
    if (python === undefined) return [ours];
    const theirs = {
      name: `mergekit ${method}`,
      run: (out: string) => {
        const config = path.join(DIR, "config.yml");
        writeFileSync(config, mergekitYaml(method, a, b));
        const args = [config, path.join(out, "merged"), "--no-write-model-card"];
        return timed(path.join(path.dirname(python), "mergekit-yaml"), args, out);
      },
    };
    return [ours, theirs];
  });
  return [...copies, ...merges];
}

async function measure(list: readonly Contender[]): Promise<Timed[][]> {
  const out = path.join(DIR, "out");
  const results: Timed[][] = list.map(() => []);
  const rounds = Number(values.rounds);
  for (let round = 0; round < rounds; round++) {
    for (const [index, { name, run }] of list.entries()) {
      rmSync(out, { recursive: true, force: true });
      mkdirSync(out, { recursive: true });
      const result = await run(out);
      results[index]?.push(result);
      console.error(`round ${round + 1}: ${name} ${result.seconds.toFixed(1)} s`);
    }
  }
  rmSync(out, { recursive: true, force: true });
  return results;
}

function printTable(list: readonly Contender[], results: readonly Timed[][]): void {
  const [both = [], one = []] = results.map((each) => each.map(({ seconds }) => seconds));
  console.log("| what | s [min–max] | time ÷ cp of both | time ÷ cp of one | peak MB |");
  console.log("| --- | --- | --- | --- | --- |");
  for (const [index, { name }] of list.entries()) {
    const measured = results[index] ?? [];
    const seconds = measured.map((each) => each.seconds);
    const { median, min, max } = spread(seconds);
    const ratio = (peer: readonly number[]): string => pairedRatio(seconds, peer).median.toFixed(2);
    const peak = Math.max(...measured.map(({ peakBytes }) => peakBytes)) / 1e6;
    const time = `${median.toFixed(1)} [${min.toFixed(1)}–${max.toFixed(1)}]`;
    const memory = index < 2 ? "" : peak.toFixed(0);
    console.log(`| ${name} | ${time} | ${ratio(both)} | ${ratio(one)} | ${memory} |`);
  }
}

async function main(): Promise<void> {
  mkdirSync(DIR, { recursive: true });
  console.log(`${cpus()[0]?.model}, ${cpus().length} processors, ${values.rounds} rounds in turns`);
  for (const size of values.sizes.split(",")) {
    if (!isSize(size)) throw new Error(`--sizes are 1 and 4, found "${size}"`);
    const pair = await modelPair(DIR, size);
    const limit = (300e6 + 3 * pair.largestTensorBytes) / 1e6;
    console.log(
      `\n### Two models of ${(pair.bytes / 1e9).toFixed(2)} GB, bfloat16, two shards; memory limit ${limit.toFixed(0)} MB\n`,
    );
    const list = contenders(pair, values.methods.split(","));
    printTable(list, await measure(list));
  }
}

await main();
