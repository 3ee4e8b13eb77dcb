/** The training process: `node trainer.cjs RUN_DIR`. What it has to say it writes into that folder. */
import { errorMessage } from "../util/errors.ts";
import { outliveReaders } from "../util/outlive-readers.ts";
import { messageLine } from "../util/terminal-text.ts";
import { stopOnSignals } from "../run-folder/stop-request.ts";
import { trainRun } from "./train-run.ts";

async function main(runDir: string | undefined): Promise<number> {
  if (runDir === undefined) {
    process.stderr.write("usage: trainer RUN_DIR\n");
    return 2;
  }
  try {
    const { state, isAbandoned } = await trainRun(runDir, { signals: stopOnSignals() });
    const code = state.status === "finished" ? 0 : 1;
    // What it was preparing would keep the process, perhaps for ever.
    if (isAbandoned) process.exit(code);
    return code;
  } catch (error) {
    process.stderr.write(`${messageLine(errorMessage(error))}\n`);
    return 2;
  }
}

// What it says there it has in its folder too.
outliveReaders(() => {});
void main(process.argv[2]).then((code) => {
  // Not process.exit: ONNX Runtime's threads want to end in order.
  process.exitCode = code;
});
