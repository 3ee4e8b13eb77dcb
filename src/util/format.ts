/** How numbers read in trees, tooltips and the status bar. */

const SECOND_MS = 1_000;

/** 134515008 → "135M" */
export function formatCount(count: number): string {
  return scaled(count, 1_000, ["", "K", "M", "B", "T"], "");
}

/** Decimal units, as disks are sold and files are listed: 538060000 → "538 MB" */
export function formatBytes(bytes: number): string {
  return scaled(bytes, 1_000, ["B", "kB", "MB", "GB", "TB"], " ");
}

function scaled(value: number, base: number, units: readonly string[], gap: string): string {
  let rest = value;
  let unit = 0;
  // Rounding must not show "1000M".
  while (Number(rest.toPrecision(3)) >= base && unit < units.length - 1) {
    rest /= base;
    unit++;
  }
  const digits = unit === 0 ? String(Math.round(rest)) : String(Number(rest.toPrecision(3)));
  return `${digits}${gap}${units[unit] ?? ""}`;
}

/** 252000 → "4 min 12 s" */
export function formatDuration(ms: number): string {
  if (ms < SECOND_MS) return "under 1 s";
  const seconds = Math.round(ms / SECOND_MS);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Four significant digits: 1.8324 → "1.832" */
export function formatLoss(loss: number): string {
  if (!Number.isFinite(loss)) return String(loss);
  return Math.abs(loss) >= 0.001 || loss === 0 ? loss.toPrecision(4) : loss.toExponential(2);
}

/** [576, 49152] → "576 × 49152"; a scalar has no axis at all */
export function formatShape(shape: readonly number[]): string {
  return shape.length === 0 ? "scalar" : shape.join(" × ");
}

/** A name that is safe as a file name on every system. */
export function toFileName(name: string): string {
  const safe = name
    .normalize("NFKD")
    .replaceAll(/[^\w.-]+/g, "-")
    .replaceAll(/^[-.]+|[-.]+$/g, "");
  return safe.slice(0, 80) || "run";
}
