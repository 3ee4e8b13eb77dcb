import type { Contradicting } from "./contradiction.ts";

/** What the editor and the command line know of an engine, without loading it. */
export interface EngineFacts extends Contradicting {
  /** As recipes name it. */
  readonly name: string;
}
