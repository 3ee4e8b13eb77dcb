/** Comma-separated values (RFC 4180); numbers with all their digits, what is left out as an empty cell. */

type Cell = string | number | undefined;

/** With a header line. */
export function toCsv<K extends string>(
  columns: readonly K[],
  rows: readonly Partial<Record<K, Cell>>[],
): string {
  return csvLines([columns, ...rows.map((row) => columns.map((column) => row[column]))]);
}

export function csvLines(rows: readonly (readonly Cell[])[]): string {
  return rows.map((row) => `${row.map(csvCell).join(",")}\r\n`).join("");
}

function csvCell(value: Cell): string {
  const text = String(value ?? "");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
