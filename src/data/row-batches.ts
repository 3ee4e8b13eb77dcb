/** Rows to tokens, many at a time: one batch is tokenised while the next one is read and rendered. */

import type { DataRow } from "./rows/row.ts";

/** Rows that are rendered and tokenised together: enough for all cores, a few megabytes at most. */
const BATCH_ROWS = 256;
/** The most JSON in a batch, for rows that are long. */
const BATCH_CHARACTERS = 2 ** 20;
/** Batches under way. */
const AHEAD = 2;

/**
 * What `work` makes of the rows, batch by batch, in order.
 * @throws what reading and `work` throw, that of the earliest rows first
 */
export async function* inBatches<Row extends Pick<DataRow, "json">, Result>(
  rows: AsyncIterable<Row>,
  work: (batch: readonly Row[]) => Promise<Result>,
): AsyncGenerator<Result> {
  const running: Promise<Result>[] = [];
  let failure: { error: unknown } | undefined;
  for await (const read of batched(rows)) {
    if ("error" in read) failure = read;
    else {
      const result = work(read.batch);
      // It is awaited in its turn; until then a failure is not unhandled.
      result.catch(() => {});
      running.push(result);
    }
    if (running.length < AHEAD) continue;
    const [first] = running.splice(0, 1);
    if (first) yield await first;
  }
  for (const result of running) yield await result;
  if (failure) throw failure.error;
}

/** A failure comes after the rows before it. */
async function* batched<Row extends Pick<DataRow, "json">>(
  rows: AsyncIterable<Row>,
): AsyncGenerator<{ batch: readonly Row[] } | { error: unknown }> {
  let batch: Row[] = [];
  let characters = 0;
  try {
    for await (const row of rows) {
      batch.push(row);
      characters += row.json.length;
      if (batch.length < BATCH_ROWS && characters < BATCH_CHARACTERS) continue;
      yield { batch };
      [batch, characters] = [[], 0];
    }
  } catch (error) {
    if (batch.length > 0) yield { batch };
    yield { error };
    return;
  }
  if (batch.length > 0) yield { batch };
}
