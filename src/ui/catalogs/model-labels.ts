/** What models are called in the tree, and in which order they stand there. */
import path from "node:path";

interface Labelled {
  readonly path: string;
  readonly label: string;
}
interface Place {
  readonly source: "workspace" | "folder" | "cache";
  readonly label: string;
}

export function bySourceAndLabel(a: Place, b: Place): number {
  const order = ["workspace", "folder", "cache"];
  return order.indexOf(a.source) - order.indexOf(b.source) || a.label.localeCompare(b.label);
}

export function labelOf(model: string): string {
  const name = path.basename(model);
  // What a run trained whole is named after its run.
  return name === "model" ? `${path.basename(path.dirname(model))}/model` : name;
}

/** Two models of one name are told apart by the folder that they are in. */
export function withUniqueLabels<T extends Labelled>(entries: readonly T[]): T[] {
  const counts = new Map<string, number>();
  for (const { label } of entries) counts.set(label, (counts.get(label) ?? 0) + 1);
  return entries.map((entry) =>
    counts.get(entry.label) === 1
      ? entry
      : { ...entry, label: `${path.basename(path.dirname(entry.path))}/${entry.label}` },
  );
}
