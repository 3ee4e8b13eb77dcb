/**
 * `.retune/queue.json`: which runs of the folder beside it wait, in order, and which have been told to
 * start. All windows and the command line share it, so that it is read and written under a lock.
 */
import { mkdir } from "node:fs/promises";
import { hostname } from "node:os";
import path from "node:path";
import writeFileAtomic from "write-file-atomic";
import * as z from "zod";
import { type Holder, withLock } from "../run-folder/lock.ts";
import { InputError } from "../util/errors.ts";
import { checkJson, readJsonIfThere } from "../util/json.ts";

const entrySchema = z.object({
  /** Name of the run's folder in `runs`. */
  run: z.string().refine((name) => path.basename(name) === name, "is no folder's name"),
  /** Whose run it is: on a disk that machines share, or in a copied folder, each starts its own. */
  host: z.string(),
  /** When it was put there. */
  at: z.iso.datetime(),
});

const queueSchema = z.object({
  version: z.literal(1),
  /** The next one first. */
  waiting: z.array(entrySchema),
  /** Started, but their states do not say so yet. */
  starting: z.array(entrySchema),
});

export type QueueEntry = z.output<typeof entrySchema>;
export type Queue = z.output<typeof queueSchema>;

const LOCK_WAIT_MS = 10_000;

/** The folder, `.retune`, whose queue a run belongs to. */
export function queueDir(runDir: string): string {
  return path.dirname(path.dirname(path.resolve(runDir)));
}

export function newEntry(runDir: string): QueueEntry {
  return { run: path.basename(runDir), host: hostname(), at: new Date().toISOString() };
}

/** @throws InputError naming the file and what is wrong with it */
export async function readQueue(dir: string): Promise<Queue> {
  const file = path.join(dir, "queue.json");
  try {
    const json = await readJsonIfThere(file);
    if (!json) return { version: 1, waiting: [], starting: [] };
    return checkJson(json.value, queueSchema, file);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(`${error.message}; delete the file to empty the queue`, { cause: error });
  }
}

/**
 * Changes the queue while nobody else does.
 * @param edit changes what it is given
 * @throws InputError when the file can't be read, or when another process keeps the lock
 */
export async function editQueue<T>(dir: string, edit: (queue: Queue) => Promise<T>): Promise<T> {
  await mkdir(dir, { recursive: true });
  const work = async (): Promise<T> => {
    const queue = await readQueue(dir);
    const before = JSON.stringify(queue);
    const result = await edit(queue);
    if (JSON.stringify(queue) !== before) {
      await writeFileAtomic(path.join(dir, "queue.json"), JSON.stringify(queue, null, 2));
    }
    return result;
  };
  const done = await withLock(path.join(dir, "queue.lock"), work, LOCK_WAIT_MS);
  if ("result" in done) return done.result;
  throw new InputError(`${path.join(dir, "queue.json")}: ${nameOf(done.holder)} keeps it locked`);
}

function nameOf({ process: owner }: Holder): string {
  return owner === undefined ? "another process" : `process ${owner.pid} of ${owner.hostname}`;
}
