/** A thread that template-threads.ts starts: renders one batch after the other until it is ended. */
import { setFlagsFromString } from "node:v8";
import { parentPort } from "node:worker_threads";
import type { PyodideAPI } from "pyodide";
import type { PyProxy } from "pyodide/ffi";
import { InternalError, errorMessage } from "../../util/errors.ts";
import { parseJson } from "../../util/json.ts";
import { openPython } from "./python.ts";
import type { Batch, Rendering } from "./template-threads.ts";

/** Python's heap and all. A template may not take the machine's memory. */
const MAX_BYTES = 512 * 2 ** 20;
const PAGE_BYTES = 2 ** 16;

type Render = PyProxy & ((job: string, rows: PyProxy, answers: string) => string);

const port = parentPort;
if (!port) throw new InternalError("template-thread runs as a thread only");

// V8 else compiles Python anew, optimised, while it starts: 0.15 s of processor time more than a few hundred
// rows take. So many bytes of code run first; where there are thousands of rows it comes to the same.
setFlagsFromString("--wasm-tiering-budget=20000000");
limitMemory();
// Whoever started the thread hears of a failure as its error.
void openPython().then((python) => {
  port.on("message", (batch: Batch) => port.postMessage(renderBatch(python, batch)));
  port.postMessage("ready");
});

/** What is wrong with Python itself in place of results. */
function renderBatch(python: PyodideAPI, { job, rows, answers }: Batch): Rendering[] | string {
  const render = python.globals["get"]("render") as Render;
  const list = python.toPy(rows) as PyProxy;
  try {
    return parseJson(render(job, list, answers), "render.py") as Rendering[];
  } catch (error) {
    return errorMessage(error);
  } finally {
    list.destroy();
  }
}

type Grow = (this: WebAssembly.Memory, pages: number) => number;

/** Pyodide takes the error for "no memory left", and Python makes a MemoryError of it. */
function limitMemory(): void {
  const { prototype } = WebAssembly.Memory;
  const grow = Reflect.get(prototype, "grow") as Grow;
  prototype.grow = function limited(this: WebAssembly.Memory, pages: number): number {
    if (this.buffer.byteLength + pages * PAGE_BYTES > MAX_BYTES) {
      throw new RangeError("a chat template needs more memory than it may have");
    }
    return grow.call(this, pages);
  };
}
