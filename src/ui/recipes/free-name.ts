import path from "node:path";
import { dataName } from "../../protocol/data-files.ts";

/** What a data file is called among others: its name; where that is taken, with its folder's. */
export function freeName(file: string, taken: readonly { name: string }[]): string {
  const own = dataName(path.basename(file));
  const isTaken = (name: string): boolean => taken.some((data) => data.name === name);
  if (!isTaken(own)) return own;
  const longer = `${path.basename(path.dirname(file))}/${own}`;
  return isTaken(longer) ? `${longer}-${taken.length + 1}` : longer;
}
