import { hostname } from "node:os";
import path from "node:path";
import { type ProcessIdentity, RUN_FILES } from "../protocol/run-folder.ts";
import { removeWhatWasLeft } from "../run-folder/leftovers.ts";
import { Lock } from "../run-folder/lock.ts";
import type { FolderItem, FolderStore } from "./folder-store.ts";

interface Item extends FolderItem {
  readonly state?: { process?: ProcessIdentity | undefined };
}

interface TidyOptions {
  /** What lies in a workspace that nobody trusts is not touched. */
  isAllowed: () => boolean;
  onError: (error: unknown) => void;
}

/**
 * What was killed on this machine could not clean up: the model that an interpolation was evaluating, what a
 * run was writing. Under the folder's lock, so that whoever goes on with it is not disturbed.
 */
export function tidyInterrupted<I extends Item, Part extends string>(
  store: FolderStore<I, Part>,
  { isAllowed, onError }: TidyOptions,
): { dispose(): void } {
  return store.onDidChangeItem(({ type, item }) => {
    if (type === "removed" || item.status !== "interrupted" || !isAllowed()) return;
    if (item.state?.process?.hostname === hostname()) tidy(item.dir).catch(onError);
  });
}

async function tidy(dir: string): Promise<void> {
  const lock = await Lock.take(path.join(dir, RUN_FILES.lock));
  if (!(lock instanceof Lock)) return;
  try {
    await removeWhatWasLeft(dir);
  } finally {
    await lock.release();
  }
}
