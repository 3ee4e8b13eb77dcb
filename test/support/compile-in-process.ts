/** Opens a base on OpenVINO and prints loss and gradients' hash, for two processes at once. Arguments: its folder, the cache. */
import { openKept, stepOf } from "./kept-step.ts";

const [modelDir = "", cache = ""] = process.argv.slice(2);
const { engine } = await openKept(modelDir, cache, "bfloat16");
process.stdout.write(JSON.stringify(await stepOf(engine)));
process.exit(0);
