/** A dense training step against TensorFlow.js, the other way to train in Node. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type Context, nodeCommand, writeInput } from "./context.ts";
import { DENSE, type DenseConfig, denseFlops } from "./dense-step.ts";
import { type CaseResult, summarise, windowTable } from "./report.ts";
import { checkLosses, firstLosses } from "./training-window.ts";
import { runWindow } from "./window.ts";

const VERSION = "4.22.0";
const BACKENDS = {
  /** Libtensorflow: its install script downloads it. */
  node: { packages: ["tfjs-node"], scripts: true },
  wasm: { packages: ["tfjs-core", "tfjs-backend-wasm"], scripts: false },
} as const;
type Backend = keyof typeof BACKENDS;

/** Installs a backend once. @returns why it could not be, or nothing */
function install(dir: string, backend: Backend): string | undefined {
  const done = path.join(dir, "installed");
  if (existsSync(done)) return undefined;
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  writeFileSync(path.join(dir, "package.json"), JSON.stringify({ private: true }));
  const { packages, scripts } = BACKENDS[backend];
  const names = packages.map((name) => `@tensorflow/${name}@${VERSION}`);
  const options = ["--no-audit", "--no-fund", `--ignore-scripts=${!scripts}`, "--loglevel=error"];
  const { status, stderr, error } = spawnSync("npm", ["install", ...options, ...names], {
    cwd: dir,
    encoding: "utf8",
  });
  if (error) return error.message;
  if (status === 0) {
    writeFileSync(done, VERSION);
    return undefined;
  }
  const lines = stderr.split("\n").map((line) => line.replace(/^npm (error|warn)\s*/, "").trim());
  const reason = lines.filter((line) => /error|https?:|not found/i.test(line));
  return reason.slice(0, 3).join("; ") || `npm ended with exit code ${status}`;
}

export async function tfjsCase(context: Context): Promise<CaseResult> {
  const { threads, rounds, log } = context;
  const workers = [
    nodeCommand(
      context,
      "dense-retune-worker",
      "retune",
      writeInput(context, "dense.retune", { threads }),
    ),
  ];
  const notes: string[] = [];
  for (const backend of Object.keys(BACKENDS) as Backend[]) {
    const dir = path.join(context.outDir, `tfjs-${backend}`);
    const reason = install(dir, backend);
    if (reason === undefined) {
      const config: DenseConfig = { threads, modules: { dir, backend } };
      const file = writeInput(context, `dense.${backend}`, config);
      workers.push(nodeCommand(context, "dense-tfjs-worker", `tfjs-${backend}`, file));
    } else {
      notes.push(`tfjs-${backend} ${VERSION} is left out, it could not be installed: ${reason}`);
    }
  }
  const result = await runWindow({ workers, gemm: [], rounds, warmSteps: 2, log });
  checkLosses(firstLosses(result.workers));
  const summary = summarise(result, { ours: ["retune"], flopsPerRound: denseFlops() });
  const { width, inner, blocks, batch } = DENSE;
  return {
    title: `${blocks} × (${width} → ${inner} → ${width}), batch ${batch}, Adam, all weights trained`,
    table: [windowTable(summary), ...notes].join("\n\n"),
    data: { ...summary, notes },
  };
}
