/** What models are called in the tree, and in which order they stand there. */
import path from "node:path";

interface Labelled {
  readonly path: string;
  readonly label: string;
}
interface Place {
  readonly source: "workspace" | "folder" | "cache";
  readonly path: string;
  readonly label: string;
  /** In milliseconds. */
  readonly changedAt?: number;
}

/** What runs have made, the newest first, comes after what the workspace began with: there may be hundreds. */
export function bySourceAndLabel(a: Place, b: Place): number {
  const apart = placeOf(a) - placeOf(b);
  if (apart !== 0) return apart;
  const isNewer = madeByRun(a) ? (b.changedAt ?? 0) - (a.changedAt ?? 0) : 0;
  return isNewer || a.label.localeCompare(b.label, "en", { numeric: true });
}

function placeOf(model: Place): number {
  const order = ["workspace", "run", "folder", "cache"];
  const { source } = model;
  return order.indexOf(source === "workspace" && madeByRun(model) ? "run" : source);
}

function madeByRun({ path: place }: Place): boolean {
  return /[\\/]\.retune[\\/]runs[\\/]/u.test(place);
}

export function labelOf(model: string): string {
  const name = path.basename(model);
  // What a run trained whole is named after its run.
  return name === "model" ? `${path.basename(path.dirname(model))}/model` : name;
}

/** Models of one name are told apart by the folders above them, as few as do it. */
export function withUniqueLabels<T extends Labelled>(entries: readonly T[]): T[] {
  return entries.map((entry) => {
    const rivals = entries.filter(
      ({ path: at, label }) => label === entry.label && at !== entry.path,
    );
    if (rivals.length === 0) return entry;
    const depth = entry.path.split(path.sep).length;
    for (let count = entry.label.split("/").length + 1; count <= depth; count++) {
      const label = endOf(entry.path, count);
      if (rivals.every((rival) => endOf(rival.path, count) !== label)) return { ...entry, label };
    }
    return entry;
  });
}

/** The last parts of a path. */
function endOf(place: string, count: number): string {
  return place.split(path.sep).slice(-count).join("/");
}
