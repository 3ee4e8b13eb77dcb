/** Opens a base on OpenVINO and prints loss and gradients' hash, for two processes at once. Arguments: its folder. */
import { openKept, stepOf } from "./kept-step.ts";

const [modelDir = ""] = process.argv.slice(2);
const { engine } = await openKept(modelDir, "bfloat16");
process.stdout.write(JSON.stringify(await stepOf(engine)));
process.exit(0);
