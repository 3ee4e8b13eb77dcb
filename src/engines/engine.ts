/**
 * What executes runs: one file each beside this one, and its facts in protocol/engines. All that an engine has to say of a
 * run it writes into the run's folder, through run-folder/; windows and command line read it there.
 */
import type { RunState, RunStatus } from "../protocol/run-folder.ts";
import type { End, StopLimits } from "../run-folder/end-process.ts";
import type { LivenessOptions } from "../run-folder/liveness.ts";
import type { ExitStatus } from "../run-folder/spawn-detached.ts";

/** Retune's own programs, bundled, by path: nobody here loads them. */
export interface Programs {
  readonly trainer: string;
  /** The `retune` command. */
  readonly cli: string;
}

/** What was started: a process, or a handle on work elsewhere. */
export interface Launched {
  /** Settles when it ends while this process still lives; rejects when it could not start. */
  exited: Promise<ExitStatus>;
}

export interface Asked {
  programs: Programs;
  signal: AbortSignal;
  /** Each line of how far it is. */
  onProgress?: (line: string) => void;
}

/** What was found of a recipe before there is a run of it. */
export interface Check {
  /** Why it would be refused, with file and line. */
  problem?: string;
  /** The memory of the machine that it would run on. */
  memory?: { predictedBytes: number; availableBytes: number; fits: boolean };
  /** Why all was not looked at; cancelled checks have none. */
  unfinished?: string;
}

/** What a run will take. */
export interface Forecast {
  trainableParameters: number;
  totalParameters: number;
  /** Predicted peak resident memory of the training process. */
  predictedBytes: number;
  /** One optimizer step takes so long. */
  stepSeconds: number;
  /** The whole run takes so long. */
  totalSeconds?: number | undefined;
  /** False: the peak is above what is free. */
  fits?: boolean | undefined;
}

export interface TextRequest {
  base: string;
  adapter?: string | undefined;
  prompt: string;
  maxTokens: number;
}

export interface Engine {
  /** As its facts. */
  readonly name: string;
  /** Starts the run of a folder, or goes on with what it has done. */
  launch(runDir: string, programs: Programs): Launched;
  /** What a stored status means now; left out: what the process that it names, or its heartbeat, says. */
  status?(state: RunState, options: LivenessOptions): Promise<RunStatus>;
  /** Ends a run that was asked to stop and does not answer; left out: its process is, by signals. */
  end?(runDir: string, hasAnswered: () => Promise<boolean>, limits: StopLimits): Promise<End>;
  /** All that a run of this recipe would be refused for; left out: its launch tells. */
  check?(recipeFile: string, asked: Asked): Promise<Check>;
  /** Undefined when it was cancelled. @throws InputError for a recipe that it refuses */
  forecast?(recipeFile: string, asked: Asked): Promise<Forecast | undefined>;
  /** Text, as it comes; false when it was cancelled. Left out: it trains and does no more. */
  generate?(
    request: TextRequest,
    asked: Asked & { onText: (text: string) => void },
  ): Promise<boolean>;
}
