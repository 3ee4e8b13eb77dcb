/** control.json: what whoever watches a run asks of its process. */
import { rm } from "node:fs/promises";
import path from "node:path";
import writeFileAtomic from "write-file-atomic";
import { type Control, RUN_FILES, controlSchema } from "../protocol/run-folder.ts";
import { readJson } from "../util/json.ts";

/** Never by the process itself: it only reads. "none" takes a request of last time back. */
export async function writeControl(dir: string, request: Control["request"]): Promise<void> {
  const control: Control = { request, requestedAt: new Date().toISOString() };
  await writeFileAtomic(path.join(dir, RUN_FILES.control), JSON.stringify(control));
}

/** Whether control.json asks to stop. A missing or half-readable file asks for nothing. */
export async function isStopRequested(dir: string): Promise<boolean> {
  try {
    const control = await readJson(path.join(dir, RUN_FILES.control));
    return controlSchema.parse(control).request === "stop";
  } catch {
    return false;
  }
}

/** Only for whoever has taken the folder: another one's process may not have read it yet. */
export async function forgetStopRequest(dir: string): Promise<void> {
  await rm(path.join(dir, RUN_FILES.control), { force: true });
}
