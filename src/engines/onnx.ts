/**
 * The built-in engine, by its programs: the trainer as a process of its own, the `retune` command for what takes seconds.
 * Neither is loaded here.
 */
import * as z from "zod";
import { ONNX } from "../protocol/engines/onnx.ts";
import { RUN_FILES } from "../protocol/run-folder.ts";
import { spawnDetached } from "../run-folder/spawn-detached.ts";
import { InputError, errorMessage } from "../util/errors.ts";
import { parseJson } from "../util/json.ts";
import { runCli } from "../util/run-cli.ts";
import type { Asked, Check, Engine, Forecast, TextRequest } from "./engine.ts";

export const onnxEngine: Engine = {
  name: ONNX.name,
  launch: (runDir, { trainer }) =>
    spawnDetached([trainer, runDir], { dir: runDir, logFile: RUN_FILES.log }),
  check,
  forecast,
  generate: ({ base, adapter, prompt, maxTokens }: TextRequest, asked) =>
    runCli({
      ...ofCli(asked),
      args: [
        ["generate", base],
        adapter === undefined ? [] : ["--adapter", adapter],
        [`--prompt=${prompt}`, "--max-tokens", String(maxTokens)],
      ].flat(),
      onOutput: asked.onText,
    }),
};

function ofCli({ programs, signal, onProgress }: Asked) {
  return { cliPath: programs.cli, signal, ...(onProgress ? { onProgress } : {}) };
}

/** Lines of `retune inspect --recipe --no-measure --data --json`; they say more. */
const lineSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("recipe"),
    predictedBytes: z.number(),
    availableBytes: z.number(),
    fits: z.boolean(),
  }),
  z.object({ kind: z.literal("data") }),
  z.object({ kind: z.literal("problem"), message: z.string() }),
]);

/** By the trainer's own code, which keeps the tokens of large files: the run need not make them again. */
async function check(recipeFile: string, asked: Asked): Promise<Check> {
  let output = "";
  const args = ["inspect", "--recipe", recipeFile, "--no-measure", "--data", "--json"];
  const onOutput = (text: string): void => void (output += text);
  const unfinished = await runCli({ ...ofCli(asked), args, onOutput }).then(
    (isWhole) => (isWhole ? undefined : "not checked to the end, it takes long"),
    errorMessage,
  );
  return { ...checked(output), ...(unfinished === undefined ? {} : { unfinished }) };
}

function checked(output: string): Check {
  // The last one is cut where the time was up.
  const texts = output.split("\n").slice(0, -1);
  const found: Check = {};
  try {
    for (const text of texts) {
      const line = lineSchema.parse(parseJson(text, "retune's output"));
      if (line.kind === "problem") found.problem ??= line.message;
      if (line.kind === "recipe") found.memory ??= line;
    }
    return found;
  } catch (error) {
    return { unfinished: errorMessage(error) };
  }
}

/** What `retune inspect --recipe FILE --json` prints; it may say more. */
const forecastSchema = z.object({
  trainableParameters: z.number(),
  totalParameters: z.number(),
  predictedBytes: z.number(),
  stepSeconds: z.number(),
  totalSeconds: z.number().optional(),
  fits: z.boolean().optional(),
});

/** Two real steps are measured. */
async function forecast(recipeFile: string, asked: Asked): Promise<Forecast | undefined> {
  let output = "";
  const args = ["inspect", "--recipe", recipeFile, "--json"];
  const onOutput = (text: string): void => void (output += text);
  const isWhole = await runCli({ ...ofCli(asked), args, onOutput });
  return isWhole ? parseForecast(output) : undefined;
}

/** @throws InputError for output that is no such JSON */
export function parseForecast(output: string): Forecast {
  try {
    return forecastSchema.parse(parseJson(output, "retune's output"));
  } catch {
    const start = output.trim().split("\n")[0] ?? "";
    throw new InputError(`retune inspect --recipe printed no measurement: "${start.slice(0, 80)}"`);
  }
}
