/** What the title of the layers' view says: how much is trained, and what that was measured to take. */
import type { Forecast } from "../../engines/engine.ts";
import { formatBytes, formatCount } from "../../util/format.ts";

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
export function costText({ predictedBytes, stepSeconds, fits = true }: Forecast): string {
  const time =
    stepSeconds < 0.1
      ? `${Number((1000 * stepSeconds).toPrecision(2))} ms`
      : `${Number(stepSeconds.toPrecision(2))} s`;
  const cost = `${formatBytes(predictedBytes)} · ${time} a step`;
  return fits ? cost : `${cost} · may not fit in memory`;
}
