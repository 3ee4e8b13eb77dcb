/**
 * Comma-separated values (RFC 4180) with a header line; numbers with all their digits, what is
 * left out as an empty cell.
 */
export function toCsv<K extends string>(
  columns: readonly K[],
  rows: readonly Partial<Record<K, string | number | undefined>>[],
): string {
  const lines = rows.map((row) => columns.map((column) => cell(String(row[column] ?? ""))));
  return [columns, ...lines].map((cells) => `${cells.join(",")}\r\n`).join("");
}

function cell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
