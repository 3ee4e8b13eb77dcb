/** A thread that template-threads.ts starts: renders one batch after the other until it is ended. */
import { parentPort } from "node:worker_threads";
import type { PyProxy } from "pyodide/ffi";
import { InternalError, errorMessage } from "../../util/errors.ts";
import { openPython } from "./python.ts";
import type { Batch, Rendering } from "./template-threads.ts";

/** Python's heap and all. A template may not take the machine's memory. */
const MAX_BYTES = 512 * 2 ** 20;
const PAGE_BYTES = 2 ** 16;

type Render = PyProxy & ((job: string, rows: PyProxy) => string);

const port = parentPort;
if (!port) throw new InternalError("template-thread runs as a thread only");

const grow = WebAssembly.Memory.prototype.grow;
WebAssembly.Memory.prototype.grow = function limited(pages) {
  if (this.buffer.byteLength + Number(pages) * PAGE_BYTES > MAX_BYTES) {
    // What Pyodide takes for "no memory left", and Python for a MemoryError.
    throw new RangeError("a chat template needs more memory than it may have");
  }
  return grow.call(this, pages);
};

const opening = openPython().then((python) => {
  const render = python.globals.get("render") as Render;
  return ({ job, rows }: Batch): Rendering[] => {
    const list = python.toPy(rows) as PyProxy;
    try {
      return JSON.parse(render(job, list)) as Rendering[];
    } finally {
      list.destroy();
    }
  };
});

port.on("message", (batch: Batch) => {
  opening.then(
    (render) => {
      try {
        port.postMessage(render(batch));
      } catch (error) {
        port.postMessage(errorMessage(error));
      }
    },
    (error: unknown) => port.postMessage(errorMessage(error)),
  );
});
