/**
 * The run folder is the protocol between the extension host, the command line and the training
 * process: no pipe, no socket. Who writes what:
 *
 *   recipe.json     written once by whoever creates the run; the training process adds hashes, versions, device; unknown keys are kept
 *   state.json      training process only (atomic rename); `queued` by the creator, `stopped` by whoever had to kill it
 *   metrics.jsonl   training process only, append only; a resume cuts it back to the checkpoint's step
 *   log.txt         training process only, append only
 *   evaluation.json training process only (atomic rename); of classification runs
 *   lock            training process only, as long as it lives: one process trains a run (run-folder/lock.ts)
 *   control.json    extension host or CLI only (atomic rename); read by the training process each step
 *   checkpoints/    training process only; a folder appears by atomic rename, whole or not at all
 *   adapter/        training process only; appears by atomic rename when the run ends
 */
import * as z from "zod";

export const RUN_FILES = {
  recipe: "recipe.json",
  state: "state.json",
  metrics: "metrics.jsonl",
  log: "log.txt",
  control: "control.json",
  lock: "lock",
  checkpoints: "checkpoints",
  adapter: "adapter",
  /** Method `full` writes a whole model here in place of an adapter. */
  model: "model",
  /** Classification's, how the evaluation rows were labelled (evaluation.ts). */
  evaluation: "evaluation.json",
} as const;

/** Where a workspace keeps its runs, relative to the workspace folder. */
export const RUNS_FOLDER = ".retune/runs";

/** A process is a pid *and* its start time, so that a reused pid is never mistaken for it. */
const identitySchema = z.object({
  pid: z.int().min(1),
  /** Opaque string that is equal exactly when the process is the same (util/process-identity.ts). */
  startedAt: z.string(),
  hostname: z.string(),
  /** Opaque string that is equal exactly where pids mean the same: a machine's, or a container's. */
  pidSpace: z.string().optional(),
});

export type ProcessIdentity = z.output<typeof identitySchema>;

export const processIdentitySchema: z.ZodType<ProcessIdentity> = identitySchema.loose();

export const RUN_STATUSES = [
  "queued",
  "starting",
  "running",
  "stopping",
  "finished",
  "stopped",
  "failed",
] as const;

/** A process is expected behind these. `queued` is not live: nothing runs yet. */
export const LIVE_STATUSES: readonly RunStatus[] = ["starting", "running", "stopping"];

/** `interrupted` is never stored: it is a live status whose process is gone. */
export type RunStatus = (typeof RUN_STATUSES)[number] | "interrupted";

/** What a process tells of itself in the state.json of its folder: a run's, an interpolation's. */
export const processStateSchema = z.object({
  status: z.enum(RUN_STATUSES),
  process: processIdentitySchema.optional(),
  /** What the process is doing, in a few words: "tokenising data", "alpha 0.3: evaluating mails". */
  phase: z.string().optional(),
  createdAt: z.iso.datetime(),
  startedAt: z.iso.datetime().optional(),
  endedAt: z.iso.datetime().optional(),
  /** Last sign of life, written at least every HEARTBEAT_INTERVAL_MS while the process lives. */
  heartbeatAt: z.iso.datetime().optional(),
  /** Milliseconds of its work so far, over all resumes. */
  elapsedMs: z.number().min(0).optional(),
  /** Why it failed or stopped: one line naming the file, line or tensor, and what to do. */
  message: z.string().optional(),
});

export type ProcessState = z.output<typeof processStateSchema>;

const stateSchema = processStateSchema.extend({
  step: z.int().min(0),
  totalSteps: z.int().min(0).optional(),
  epoch: z.number().min(0).optional(),
  loss: z.number().optional(),
  evalLoss: z.number().optional(),
  /** Classification's share of evaluation rows labelled right, the last time; at the end by what was kept. */
  evalAccuracy: z.number().optional(),
  bestEvalLoss: z.number().optional(),
  bestStep: z.int().optional(),
  trainableParameters: z.int().optional(),
  totalParameters: z.int().optional(),
});

export type RunState = z.output<typeof stateSchema>;

/** What other engines and newer versions write beside it is kept, also when the state is written again. */
export const runStateSchema: z.ZodType<RunState> = stateSchema.loose();

export const HEARTBEAT_INTERVAL_MS = 5_000;

/** Numbers by name; a train line has `loss`, an evaluation line has `evalLoss`. */
const metricKeys = z.object({
  step: z.int().min(0),
  epoch: z.number().min(0),
  /** Mean over the optimizer step's counted tokens, or labelled rows; cross-entropy in nats, or squared error. */
  loss: z.number().optional(),
  evalLoss: z.number().optional(),
  learningRate: z.number().optional(),
  /** Global norm before clipping. */
  gradNorm: z.number().optional(),
  /** Counted tokens so far. */
  tokens: z.int().optional(),
  /** Processed (not only counted) tokens per second of this step. */
  tokensPerSecond: z.number().optional(),
  elapsedMs: z.number().min(0),
  rssBytes: z.int().optional(),
});

/** One line of metrics.jsonl: what every run has, and the figures of its objective (protocol/figures.ts). */
export type Metric = z.output<typeof metricKeys> & { [figure: string]: number | undefined };

/** What is no number is none of ours, and left out. */
export const metricSchema = z
  .looseObject(metricKeys.shape)
  .transform(
    (line) =>
      Object.fromEntries(
        Object.entries(line).filter(([, value]) => typeof value === "number"),
      ) as Metric,
  );

export const controlSchema = z.object({
  /** stop: finish the step, write a checkpoint and the adapter, end as `stopped`. */
  request: z.enum(["none", "stop"]),
  requestedAt: z.iso.datetime(),
});

export type Control = z.output<typeof controlSchema>;
