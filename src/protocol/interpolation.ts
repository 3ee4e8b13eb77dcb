/**
 * An interpolation (WiSE-FT, arXiv 2109.01903) is a folder, as a run is: models between a base
 * (alpha 0) and what it was tuned to (alpha 1), each evaluated on named data. Who writes what:
 *
 *   interpolation.json    written once by whoever creates the interpolation
 *   state.json    the interpolation's process only (atomic rename); `queued` by the creator
 *   points.jsonl  the interpolation's process only, append only: one line per alpha, once all its data is
 *                 evaluated. An interpolation that goes on computes no alpha again that has a line.
 *   log.txt       the interpolation's process only, append only
 *   control.json  extension host only (atomic rename, as a run's); asks the process to stop
 *   work/         the interpolation's process only: the mixed model under evaluation, removed after it
 */
import * as z from "zod";
import { type ProcessState, processStateSchema } from "./run-folder.ts";

export const INTERPOLATION_FILES = {
  definition: "interpolation.json",
  state: "state.json",
  points: "points.jsonl",
  log: "log.txt",
  control: "control.json",
  work: "work",
} as const;

/** Where a workspace keeps its interpolations, relative to the workspace folder. */
export const INTERPOLATIONS_FOLDER = ".retune/interpolations";

/** They were called sweeps once: folders of that time are read, shown and continued where they lie. */
export const OLD_INTERPOLATIONS_FOLDER = ".retune/sweeps";
export const OLD_DEFINITION_FILE = "sweep.json";

/**
 * validation: may recommend an alpha, and is no test. in-distribution, shifted: tests, of the data
 * that the model was tuned for and of others; they show what a mix does and never choose it.
 */
export const DATA_ROLES = ["validation", "in-distribution", "shifted"] as const;

const MAX_NAME_CHARS = 200;
export const MAX_ALPHAS = 101;
const MAX_DATA = 32;

const interpolationDataSchema = z.object({
  /** What points.jsonl calls it; no two are alike. */
  name: z.string().min(1).max(MAX_NAME_CHARS),
  /** Absolute path of a data file. */
  file: z.string().min(1),
  role: z.enum(DATA_ROLES),
  /** The fine-tune was trained on these very rows: they neither test nor validate it. */
  isTrainingData: z.literal(true).optional(),
});

export const interpolationSchema = z
  .object({
    version: z.literal(1),
    name: z.string().min(1).max(MAX_NAME_CHARS),
    /** Absolute path: a Hugging Face folder or a .gguf file; alpha 0. */
    base: z.string().min(1),
    /** Absolute path of a model of the base's architecture; alpha 1. Or `adapter`, never both. */
    tuned: z.string().min(1).optional(),
    /** Absolute path of an adapter's folder; alpha is the share of its change that is made. */
    adapter: z.string().min(1).optional(),
    /** In the order in which they are evaluated. */
    alphas: z.array(z.number().min(0).max(1)).min(1).max(MAX_ALPHAS),
    data: z.array(interpolationDataSchema).min(1).max(MAX_DATA),
    /** Longest row in tokens; left out, as `retune eval` has it. */
    maxLength: z.int().min(1).optional(),
    createdAt: z.iso.datetime(),
  })
  .refine(({ tuned, adapter }) => (tuned === undefined) !== (adapter === undefined), {
    message: "needs tuned or adapter, and not both",
  });

/** What a model is on one data set, flat; what a task has no figure for is left out. */
const figuresSchema = z.looseObject({
  /** Mean over counted tokens, or over rows of a classifier; cross-entropy in nats, or squared error. */
  loss: z.number(),
  /** Share of counted tokens, or of rows, that are right. */
  accuracy: z.number().optional(),
  /** Classification's mean of the labels' F1. */
  macroF1: z.number().optional(),
  /** e^loss. */
  perplexity: z.number().optional(),
  /** Share of rows whose every counted token is right. */
  exactMatch: z.number().optional(),
  rows: z.int().optional(),
});

/** One line of points.jsonl. */
export const interpolationPointSchema = z.object({
  alpha: z.number().min(0).max(1),
  /** By the name of the data; all of the interpolation's. */
  results: z.record(z.string(), figuresSchema),
});

export type DataRole = (typeof DATA_ROLES)[number];
export type InterpolationData = z.output<typeof interpolationDataSchema>;
export type InterpolationDefinition = z.output<typeof interpolationSchema>;
export type InterpolationFigures = z.output<typeof figuresSchema>;
export type InterpolationPoint = z.output<typeof interpolationPointSchema>;

/** As a run's, without steps: a live status whose process is gone is `interrupted` (run-folder/liveness.ts). */
export type InterpolationState = ProcessState;

/** Keys of newer versions are kept, also when the state is written again. */
export const interpolationStateSchema: z.ZodType<InterpolationState> = processStateSchema.loose();
