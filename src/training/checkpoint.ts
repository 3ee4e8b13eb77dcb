/**
 * Everything a run needs to go on bit for bit: what is trained, the optimizer's moments, and where
 * in the data it was.
 */
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import {
  type CheckpointContent,
  type CheckpointFolder,
  checkHashes,
  listCheckpoints,
} from "../run-folder/checkpoints.ts";
import { InputError, errorMessage } from "../util/errors.ts";
import { checkJson, readJson } from "../util/json.ts";
import { fromFloat32 } from "../tensors/dtype.ts";
import {
  type TensorToWrite,
  readSafetensorsHeader,
  readTensor,
  writeSafetensors,
} from "../tensors/safetensors.ts";
import type { SavingEngine, Trainable } from "../objectives/engine.ts";
import type { AdamWState } from "./optimizer.ts";

const OPTIMIZER_FILE = "optimizer.safetensors";
const STATE_FILE = "trainer-state.json";
/**
 * Tensors of optimizer.safetensors: the weights being trained in full precision (a model folder
 * may hold them rounded to the base's type) and AdamW's moments under torch's names.
 */
const SLOTS = ["parameter", "exp_avg", "exp_avg_sq"] as const;

const trainerStateSchema = z.object({
  version: z.literal(1),
  /** Optimizer steps done. With the recipe's seed it gives epoch, data position and dropout masks. */
  step: z.int().min(0),
  tokens: z.int().min(0),
  elapsedMs: z.number().min(0),
  lastLoss: z.number().optional(),
  lastEvalLoss: z.number().optional(),
  /** `score`: by what the recipe's bestBy says, the higher the better; left out: the loss counts. */
  best: z
    .object({ step: z.int().min(1), evalLoss: z.number(), score: z.number().optional() })
    .optional(),
  evaluationsSinceBest: z.int().min(0),
  /** What evaluation.json said the last time, where the objective has one. */
  labelled: z.looseObject({}).optional(),
  /** A hash of each key of the recipe, so that an edited one is told. */
  recipe: z.record(z.string(), z.string()).optional(),
});

/** Where a run stands between two steps. */
export type Progress = Omit<z.output<typeof trainerStateSchema>, "version">;

export interface Trained {
  parameters: Float32Array;
  optimizer: AdamWState;
}

/** What a checkpoint holds, as the recorder writes it. */
export function checkpointContent(
  engine: SavingEngine,
  {
    optimizer,
    progress,
    baseModel,
  }: {
    optimizer: AdamWState;
    progress: Progress;
    baseModel: string;
  },
): CheckpointContent {
  return {
    write: async (dir) => {
      // The adapter first: it makes its folder anew.
      await engine.saveResult(dir, engine.parameters, { baseModel });
      const state = JSON.stringify({ version: 1, ...progress }, null, 2);
      await writeFile(path.join(dir, STATE_FILE), state, { flush: true });
    },
    // By far the largest: hashed as it is written.
    writeHashed: async (dir) => {
      const hash = createHash("sha256");
      const metadata = { step: String(optimizer.step) };
      const tensors = optimizerTensors(engine, optimizer);
      await writeSafetensors(path.join(dir, OPTIMIZER_FILE), tensors, metadata, hash);
      return { [OPTIMIZER_FILE]: hash.digest("hex") };
    },
  };
}

/** Keys that the training process writes itself, or that change nothing. */
const NOT_COMPARED = new Set(["hashes", "versions", "usedDevice", "usedMemory", "source", "name"]);

export function recipeHashes(recipe: object): Record<string, string> {
  const entries = Object.entries(recipe).filter(
    ([key, value]) => value !== undefined && !NOT_COMPARED.has(key),
  );
  return Object.fromEntries(
    entries.map(([key, value]) => [
      key,
      createHash("sha256").update(JSON.stringify(value)).digest("hex"),
    ]),
  );
}

/** @param before and now as recipeHashes makes them */
export function editedKeys(
  before: Readonly<Record<string, string>>,
  now: Readonly<Record<string, string>>,
): string[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(now)]);
  return [...keys].filter((key) => before[key] !== now[key]);
}

function optimizerTensors(engine: SavingEngine, optimizer: AdamWState): TensorToWrite[] {
  const sources = {
    parameter: engine.parameters,
    exp_avg: optimizer.firstMoments,
    exp_avg_sq: optimizer.secondMoments,
  };
  return engine.trainables.flatMap(({ name, shape, offset, length }) =>
    SLOTS.map((slot): TensorToWrite => {
      const values = sources[slot].subarray(offset, offset + length);
      const data = async () => fromFloat32(values, "F32");
      return { name: `${slot}.${name}`, dtype: "F32", shape, data };
    }),
  );
}

/** @throws InputError naming the file, and the tensor that is missing or has another shape */
async function readCheckpoint(
  { dir, step }: CheckpointFolder,
  trainables: readonly Trainable[],
  into: Trained,
): Promise<Progress> {
  const { progress, updates } = await readSlots({ dir, step }, trainables, {
    parameter: into.parameters,
    exp_avg: into.optimizer.firstMoments,
    exp_avg_sq: into.optimizer.secondMoments,
  });
  into.optimizer.step = updates;
  return progress;
}

/** Fills the vectors given, laid out as `trainables` says. */
async function readSlots(
  { dir, step }: CheckpointFolder,
  trainables: readonly Trainable[],
  targets: Partial<Record<(typeof SLOTS)[number], Float32Array>>,
): Promise<{ progress: Progress; updates: number }> {
  await checkHashes(dir);
  const progress = await readProgress(path.join(dir, STATE_FILE));
  const file = path.join(dir, OPTIMIZER_FILE);
  const { tensors, metadata } = await readSafetensorsHeader(file);
  for (const { name, shape, offset } of trainables) {
    for (const slot of SLOTS) {
      const target = targets[slot];
      if (!target) continue;
      const info = tensors.get(`${slot}.${name}`);
      if (info?.shape.join() !== shape.join()) {
        const found = info ? `is [${info.shape.join(", ")}]` : "is missing";
        throw new InputError(
          `${file}: tensor ${slot}.${name} ${found}, expected [${shape.join(", ")}]`,
        );
      }
      target.set(await readTensor(info), offset);
    }
  }
  const updates = Number(metadata["step"]);
  if (progress.step !== step || !Number.isSafeInteger(updates)) {
    throw new InputError(`${dir}: its files speak of step ${progress.step} and ${updates} updates`);
  }
  return { progress, updates };
}

async function readProgress(file: string): Promise<Progress> {
  const { version: _, ...progress } = checkJson(await readJson(file), trainerStateSchema, file);
  return progress;
}

/**
 * Goes back to the newest checkpoint that is whole, past broken ones.
 * @returns undefined when there is none at all
 * @throws InputError when there are checkpoints but none can be read: starting over would hide it
 */
export async function restoreNewest(
  dir: string,
  trainables: readonly Trainable[],
  { into, log }: { into: Trained; log: (line: string) => void },
): Promise<Progress | undefined> {
  const checkpoints = await listCheckpoints(dir);
  let newestProblem: string | undefined;
  for (const checkpoint of checkpoints) {
    try {
      return await readCheckpoint(checkpoint, trainables, into);
    } catch (error) {
      newestProblem ??= errorMessage(error);
      log(`${path.basename(checkpoint.dir)} can't be used: ${errorMessage(error)}`);
    }
  }
  if (newestProblem === undefined) return undefined;
  throw new InputError(
    `${dir}: none of its checkpoints can be read; delete the folder to start over (newest: ${newestProblem})`,
  );
}

/** One checkpoint without its optimizer, e.g. the best one when the run ends. */
export async function readCheckpointWeights(
  checkpoint: CheckpointFolder,
  trainables: readonly Trainable[],
): Promise<{ parameters: Float32Array; progress: Progress }> {
  const size = trainables.reduce((sum, { length }) => sum + length, 0);
  const parameters = new Float32Array(size);
  const { progress } = await readSlots(checkpoint, trainables, { parameter: parameters });
  return { parameters, progress };
}
