/** What every case needs: where things are, how much to measure, and the commands of the workers. */
import { build } from "esbuild";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { GemmConfig, TrainConfig, TrainData } from "./protocol.ts";
import type { WorkerCommand } from "./worker-process.ts";

export interface Context {
  outDir: string;
  /** Python with requirements.txt installed. */
  python: string;
  threads: number;
  rounds: number;
  quick: boolean;
  log: (line: string) => void;
}

/** Keeps glibc from giving memory back between steps; speeds PyTorch up by a few per cent. */
const TUNED_MALLOC = {
  MALLOC_MMAP_MAX_: "0",
  MALLOC_TRIM_THRESHOLD_: "34359738368",
  MALLOC_TOP_PAD_: "67108864",
};

const source = (name: string): string => path.join(import.meta.dirname, name);

const NODE_WORKERS = [
  "retune-worker",
  "ort-gemm-worker",
  "dense-retune-worker",
  "dense-tfjs-worker",
] as const;

/** Bundles the Node workers as esbuild.mjs bundles the product's trainer, so that start-up counts alike. */
export async function bundleWorkers({ outDir }: Context): Promise<void> {
  await build({
    entryPoints: {
      ...Object.fromEntries(NODE_WORKERS.map((name) => [name, source(`${name}.ts`)])),
      "template-thread": source("../../src/data/templates/template-thread.ts"),
    },
    outdir: outDir,
    outExtension: { ".js": ".cjs" },
    bundle: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    define: { "process.env.RETUNE_BUNDLED": '"1"', "import.meta.dirname": "__dirname" },
    alias: { "jsonc-parser": "jsonc-parser/lib/esm/main.js" },
    external: ["onnxruntime-node", "tokenizers", "koffi"],
    logLevel: "warning",
  });
}

/** Writes what a worker reads and returns the file's path. */
export function writeInput({ outDir }: Context, name: string, value: object): string {
  const dir = path.join(outDir, "inputs");
  mkdirSync(dir, { recursive: true });
  const file = path.join(dir, `${name.replaceAll(/[^\w.-]+/g, "-")}.json`);
  writeFileSync(file, JSON.stringify(value));
  return file;
}

export function writeTrainData(context: Context, name: string, data: TrainData): string {
  return writeInput(context, `${name}.data`, data);
}

export function nodeCommand(
  { outDir }: Context,
  worker: (typeof NODE_WORKERS)[number],
  name: string,
  inputFile: string,
): WorkerCommand {
  const args = [path.join(outDir, `${worker}.cjs`), inputFile];
  return { name, command: process.execPath, args };
}

export interface TrainWorker {
  name: string;
  side: "retune" | "pytorch";
  config: TrainConfig;
  tunedMalloc?: boolean;
}

export function trainCommand(
  context: Context,
  caseName: string,
  worker: TrainWorker,
): WorkerCommand {
  const { name, side, config, tunedMalloc } = worker;
  const file = writeInput(context, `${caseName}.${name}`, config);
  if (side === "retune") {
    return nodeCommand(context, "retune-worker", name, file);
  }
  return {
    name,
    command: context.python,
    args: [source("peer.py"), "train", file],
    env: tunedMalloc ? TUNED_MALLOC : {},
  };
}

/** The two engines' own matrix products, of which the better is the limit. */
export function gemmCommands(
  context: Context,
  caseName: string,
  config: GemmConfig,
): WorkerCommand[] {
  const file = writeInput(context, `${caseName}.gemm`, config);
  return [
    nodeCommand(context, "ort-gemm-worker", "ONNX Runtime", file),
    { name: "torch.mm", command: context.python, args: [source("peer.py"), "gemm", file] },
  ];
}
