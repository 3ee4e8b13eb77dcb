/** The worker's side of a measurement of matrix products, whatever computes them. */
import { setTimeout as sleep } from "node:timers/promises";
import type { GemmReply } from "./protocol.ts";
import { serveSteps } from "./worker-loop.ts";

const REPEATS = 5;
/** A runtime's threads spin for a while after a run, and would take the cores from the next one's. */
const SPIN_MS = 200;

interface Product {
  run: () => Promise<unknown>;
  flops: number;
}

/** Answers with the best rate of any product. */
export async function serveProducts(open: () => Promise<readonly Product[]>): Promise<void> {
  const started = performance.now();
  const products = await open();
  const ready = { openMs: performance.now() - started, stepsPerPass: 1 };
  await serveSteps(ready, async (): Promise<GemmReply> => {
    const begun = performance.now();
    let gflops = 0;
    for (const { run, flops } of products) {
      await sleep(SPIN_MS);
      for (let repeat = 0; repeat < REPEATS; repeat++) {
        const start = performance.now();
        await run();
        gflops = Math.max(gflops, flops / 1e6 / (performance.now() - start));
      }
    }
    return { ms: performance.now() - begun, gflops };
  });
}
