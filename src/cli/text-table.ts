import { largest } from "../util/largest.ts";

/** Columns of a fixed-width terminal: the first to the left, numbers to the right. */
export function textTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    largest(rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows
    .map(([first = "", ...rest]) =>
      [
        first.padEnd(widths[0] ?? 0),
        ...rest.map((cell, column) => cell.padStart(widths[column + 1] ?? 0)),
      ].join("  "),
    )
    .join("\n");
}
