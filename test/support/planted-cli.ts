/** The `retune` command, with the engine of counting-engine.ts planted. */
import { runCommand } from "../../src/cli/main.ts";
import { plantEngine } from "./counting-engine.ts";

plantEngine({ after: () => undefined });
await runCommand(process.argv.slice(2));
