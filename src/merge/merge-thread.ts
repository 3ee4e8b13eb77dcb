/** The thread that merge-threads.ts starts: takes one job after the other until it is ended. */
import { parentPort } from "node:worker_threads";
import { InputError, InternalError, errorMessage } from "../util/errors.ts";
import type { FromThread } from "./merge-threads.ts";
import { OpenFiles } from "./models/tensor-bytes.ts";
import { type TensorJob, runTensorJob } from "./models/tensor-job.ts";

if (!parentPort) throw new InternalError("merge-thread runs as a thread only");
const port = parentPort;
const files = new OpenFiles();
const say = (message: FromThread): void => port.postMessage(message);

port.on("message", (job: TensorJob) => {
  try {
    runTensorJob(job, files, (bytes) => say({ type: "wrote", bytes }));
    say({ type: "done" });
  } catch (error) {
    // An Error loses its class and its code on the way.
    const code = error instanceof Error && "code" in error ? String(error.code) : undefined;
    const isInput = error instanceof InputError;
    say({ type: "failed", message: errorMessage(error), isInput, code });
  }
});
