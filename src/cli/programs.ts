import path from "node:path";
import type { Programs } from "../engines/engine.ts";

/** Retune's own programs, which lie beside this one. */
export const PROGRAMS: Programs = {
  trainer: path.join(import.meta.dirname, "trainer.cjs"),
  cli: path.join(import.meta.dirname, "cli.cjs"),
};
