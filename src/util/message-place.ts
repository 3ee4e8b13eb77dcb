/** Where a message says that something is wrong: InputErrors begin with "FILE:LINE: " or "FILE:LINE:COLUMN: ". */

export interface MessagePlace {
  /** As the message has it: absolute, or relative to whatever its writer stood in. */
  file: string;
  /** 1-based. */
  line: number;
  /** 1-based. */
  column?: number;
}

/** Names may hold spaces and colons, and begin with a drive: only numbers before ": " end one. */
const PLACE = /^(?<file>\S.*?):(?<line>[1-9]\d*)(?::(?<column>[1-9]\d*))?(?=: |$)/u;
/** What was being done, before an absolute path: "the adapter: /home/…". */
const PREFIX = /^.*?: (?=[\\/]|[A-Za-z]:[\\/])/u;

/** Undefined where the message names no place. */
export function placeIn(message: string): MessagePlace | undefined {
  const { file, line, column } = PLACE.exec(message)?.groups ?? {};
  if (file === undefined || line === undefined) return undefined;
  const named = file.replace(PREFIX, "");
  // "ratio 3:2: …" is no file: one has a folder or an ending.
  if (!/[\\/.]/u.test(named)) return undefined;
  return { file: named, line: Number(line), ...(column ? { column: Number(column) } : {}) };
}
