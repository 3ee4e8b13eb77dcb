/** What the editor and the command line know of an engine, without loading it. */
import type * as z from "zod";
import type { Contradicting } from "./contradiction.ts";

/** All that Retune has, or those of these names. */
type Able = "all" | readonly string[];

export interface EngineFacts extends Contradicting {
  /** As recipes name it. */
  readonly name: string;
  /** What it is and what it needs, in a line: the editor shows it. */
  readonly description: string;
  /** The keys of its own options; each is optional or has a default. */
  readonly options: z.ZodRawShape;
  /** Its options stand beside `engine` in a recipe; left out, inside: {"type": …}. */
  readonly hasOptionsBeside?: boolean;
  /** What it can train: each of these methods under each of these objectives, on models of these types. */
  readonly can: {
    readonly methods: Able;
    readonly objectives: Able;
    /** `model_type` of a base's config.json. */
    readonly families: Able;
  };
}

/** A recipe's key: a name, or a name with the options that are the engine's own. */
export type EngineChoice = string | { readonly type: string; readonly [option: string]: unknown };

export function engineName(engine: EngineChoice): string {
  return typeof engine === "string" ? engine : engine.type;
}

export function isAble(able: Able, name: string): boolean {
  return able === "all" || able.includes(name);
}

export function inWords(able: Able): string {
  return able === "all" ? "all" : able.join(", ");
}
