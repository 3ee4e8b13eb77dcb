/** What the title of the layers' view says: how much is trained, and what that was measured to take. */
import * as z from "zod";
import { InputError } from "../../util/errors.ts";
import { formatBytes, formatCount } from "../../util/format.ts";
import { parseJson } from "../../util/json.ts";

/** What `retune inspect --recipe FILE --json` prints; it may say more. */
const measurementSchema = z.object({
  trainableParameters: z.number(),
  totalParameters: z.number(),
  /** Predicted peak resident memory of the training process. */
  predictedBytes: z.number(),
  /** Seconds of one optimizer step. */
  stepSeconds: z.number(),
  /** The whole run takes so long. */
  totalSeconds: z.number().optional(),
  /** False: the peak is above what is free. */
  fits: z.boolean().optional(),
});

export type Measurement = z.output<typeof measurementSchema>;

/** @throws InputError for output that is no such JSON */
export function parseMeasurement(output: string): Measurement {
  try {
    return measurementSchema.parse(parseJson(output, "retune's output"));
  } catch {
    const start = output.trim().split("\n")[0] ?? "";
    throw new InputError(`retune inspect --recipe printed no measurement: "${start.slice(0, 80)}"`);
  }
}

/** "12.3M of 135M trainable (9.1 %)" */
export function trainableText(trained: number, total: number): string {
  const percent = (100 * trained) / total;
  // "0.0 %" of what trains, or "100.0 %" of what does not quite, would be wrong.
  const share =
    percent === 0 || percent === 100
      ? String(percent)
      : percent < 0.1
        ? "< 0.1"
        : Math.min(percent, 99.9).toFixed(1);
  return `${formatCount(trained)} of ${formatCount(total)} trainable (${share} %)`;
}

/** "1.2 GB · 0.9 s a step", and a warning where that is too much. */
export function costText({ predictedBytes, stepSeconds, fits = true }: Measurement): string {
  const time =
    stepSeconds < 0.1
      ? `${Number((1000 * stepSeconds).toPrecision(2))} ms`
      : `${Number(stepSeconds.toPrecision(2))} s`;
  const cost = `${formatBytes(predictedBytes)} · ${time} a step`;
  return fits ? cost : `${cost} · may not fit in memory`;
}
