/** One reading of a data file in a process of its own: `node once.cjs FILE MODEL_DIR` prints its figures as JSON. */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { loadDataset } from "../../src/data/dataset.ts";
import { loadTokenizer } from "../../src/data/tokenizer.ts";

export interface Figures {
  tokens: number;
  seconds: number;
  /** Processor time, all threads together. */
  cpuSeconds: number;
  peakMb: number;
}

export interface OwnFigures extends Figures {
  /** The longest that the thread that asks was not free. */
  heldMs: number;
}

async function measure(file: string, modelDir: string): Promise<OwnFigures> {
  const tokenizer = await loadTokenizer(modelDir);
  const delays = monitorEventLoopDelay({ resolution: 5 });
  delays.enable();
  const before = process.cpuUsage();
  const started = performance.now();
  const { report } = await loadDataset(file, {
    tokenizer,
    vocabSize: Infinity,
    format: "auto",
    lossOn: "auto",
    maxLength: 512,
    overlong: "truncate",
  });
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(before);
  delays.disable();
  return {
    tokens: report.tokens,
    seconds,
    cpuSeconds: (user + system) / 1e6,
    peakMb: process.resourceUsage().maxRSS / 1024,
    heldMs: delays.max / 1e6,
  };
}

const [file = "", modelDir = ""] = process.argv.slice(2);
measure(file, modelDir).then(
  (figures) => console.log(JSON.stringify(figures)),
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
