/**
 * An engine from outside src: its facts and itself, planted through the registries. What it launches counts to `steps` in
 * its run's folder (counting-process.ts).
 */
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import * as z from "zod";
import type { Engine } from "../../src/engines/engine.ts";
import { ENGINES } from "../../src/engines/registry.ts";
import type { EngineFacts } from "../../src/protocol/engine-facts.ts";
import { ENGINE_FACTS } from "../../src/protocol/engines.ts";
import { RUN_FILES } from "../../src/protocol/run-folder.ts";
import { spawnDetached } from "../../src/run-folder/spawn-detached.ts";

const PROCESS = fileURLToPath(new URL("./counting-process.ts", import.meta.url));

export const COUNTING_FACTS: EngineFacts = {
  name: "counting",
  description: "counting: counts, and learns nothing.",
  options: { steps: z.int().min(1).default(20), stepMs: z.int().min(0).default(20) },
  can: { methods: ["lora"], objectives: ["sft"], families: "all" },
  contradictions: ({ earlyStop }) =>
    earlyStop === undefined
      ? []
      : [
          {
            keys: ["earlyStop"],
            message: "engine counting evaluates nothing; leave earlyStop out",
          },
        ],
};

export const COUNTING_ENGINE: Engine = {
  name: "counting",
  launch: (runDir) =>
    spawnDetached(["--import", import.meta.resolve("tsx"), PROCESS, runDir], {
      dir: runDir,
      logFile: RUN_FILES.log,
    }),
  check: () => Promise.resolve({ memory: { predictedBytes: 1, availableBytes: 2, fits: true } }),
};

export function plantEngine(t: Pick<TestContext, "after">, engine = COUNTING_ENGINE): void {
  t.after(ENGINE_FACTS.add(COUNTING_FACTS));
  t.after(ENGINES.add(engine));
}
