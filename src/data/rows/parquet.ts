/** Parquet, a row group at a time. */
import { open } from "node:fs/promises";
import {
  type AsyncBuffer,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
} from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { InputError, errorMessage, hasCode } from "../../util/errors.ts";
import type { DataRow } from "./row.ts";

/** @throws InputError naming the file that is missing, is no Parquet or is broken, and the row group */
export async function* readParquet(file: string): AsyncGenerator<DataRow> {
  const handle = await open(file).catch((error: unknown) => {
    if (hasCode(error, "ENOENT")) throw new InputError(`data file ${file} does not exist`);
    throw error;
  });
  try {
    const { size } = await handle.stat();
    const source: AsyncBuffer = {
      byteLength: size,
      slice: async (start, end = size) => {
        const { buffer, bytesRead } = await handle.read({
          // A broken file claims more than it has.
          buffer: Buffer.alloc(Math.max(Math.min(end, size) - start, 0)),
          position: start,
        });
        return new Uint8Array(buffer.subarray(0, bytesRead)).buffer;
      },
    };
    const metadata = await checked(`${file} is no Parquet file`, () =>
      parquetMetadataAsync(source),
    );
    await checked(`${file} is broken`, () => checkColumns(metadata));
    let rowStart = 0;
    for (const [index, group] of metadata.row_groups.entries()) {
      const rowEnd = rowStart + Number(group.num_rows);
      const options = { file: source, metadata, compressors, rowStart, rowEnd };
      const rows = await checked(`${file}: row group ${index + 1} can't be read`, () =>
        parquetReadObjects(options),
      );
      for (const [offset, row] of rows.entries()) {
        yield { line: rowStart + offset + 1, value: plainObject(row), json: jsonOf(row) };
      }
      rowStart = rowEnd;
    }
  } finally {
    await handle.close();
  }
}

type SchemaTree = ReturnType<typeof parquetSchema>;

/**
 * Where hyparquet meets a column that the schema lacks, it gives up while the columns before are being
 * read, and of two columns with one name it waits for one: an error of theirs would end the process.
 */
function checkColumns(metadata: FileMetaData): void {
  const leaves = (node: SchemaTree): string[] =>
    node.children.length === 0 ? [JSON.stringify(node.path)] : node.children.flatMap(leaves);
  const known = new Set(leaves(parquetSchema(metadata)));
  for (const [index, { columns }] of metadata.row_groups.entries()) {
    const found = new Set<string>();
    for (const { meta_data: column } of columns) {
      const place = JSON.stringify(column?.path_in_schema);
      const fault = known.has(place) ? "has twice" : "has, but not its schema,";
      if (!known.has(place) || found.has(place)) {
        throw new Error(`row group ${index + 1} ${fault} the column ${place}`);
      }
      found.add(place);
    }
  }
}

async function checked<T>(what: string, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw new InputError(`${what}: ${errorMessage(error)}`, { cause: error });
  }
}

/** 64-bit integers, dates and bytes as JSON has them. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return new TextDecoder().decode(value);
  if (Array.isArray(value)) return value.map(plain);
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<unknown>, plain);
  return typeof value === "object" && value !== null ? plainObject(value) : value;
}

function plainObject(row: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plain(value)]));
}

/** As `plain`, with all digits of a 64-bit integer. */
function jsonOf(value: unknown): string {
  if (typeof value === "bigint") return String(value);
  if (value instanceof Date || value instanceof Uint8Array) return JSON.stringify(plain(value));
  if (Array.isArray(value) || ArrayBuffer.isView(value)) {
    return `[${Array.from(value as ArrayLike<unknown>, jsonOf).join(",")}]`;
  }
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const fields = Object.entries(value).map(
    ([name, each]) => `${JSON.stringify(name)}:${jsonOf(each)}`,
  );
  return `{${fields.join(",")}}`;
}
