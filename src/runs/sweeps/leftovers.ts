import { rm } from "node:fs/promises";
import { hostname } from "node:os";
import path from "node:path";
import { SWEEP_FILES } from "../../protocol/sweep.ts";
import type { SweepStore } from "./sweep-store.ts";

/** A sweep that was killed on this machine could not remove the model that it was evaluating. */
export function removeLeftovers(
  store: SweepStore,
  onError: (error: unknown) => void,
): { dispose(): void } {
  return store.onDidChangeItem(({ type, item }) => {
    if (type === "removed" || item.status !== "interrupted") return;
    if (item.state?.process?.hostname !== hostname()) return;
    const work = path.join(item.dir, SWEEP_FILES.work);
    rm(work, { recursive: true, force: true, maxRetries: 3 }).catch(onError);
  });
}
