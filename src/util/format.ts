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

const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;

/**
 * When something was, in few letters: "14:02" today, "Tue 14:02" within a week, "27 Nov", and the year
 * where it is another one.
 * @param at an ISO date, or milliseconds
 * @param now the clock, in milliseconds
 */
export function formatWhen(at: string | number, now: number): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return "";
  const today = new Date(now);
  const time = `${String(date.getHours()).padStart(2, "0")}:${String(date.getMinutes()).padStart(2, "0")}`;
  if (date.toDateString() === today.toDateString()) return time;
  const age = now - date.getTime();
  if (age >= 0 && age < WEEK_MS - DAY_MS) return `${WEEKDAYS[date.getDay()]} ${time}`;
  const day = `${date.getDate()} ${MONTHS[date.getMonth()]}`;
  return date.getFullYear() === today.getFullYear() ? day : `${day} ${date.getFullYear()}`;
}

const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"] as const;
const MONTHS = [
  "Jan",
  "Feb",
  "Mar",
  "Apr",
  "May",
  "Jun",
  "Jul",
  "Aug",
  "Sep",
  "Oct",
  "Nov",
  "Dec",
] as const;

/** A name of at most `most` characters: the middle goes, since names of one family differ at their end. */
export function shortenMiddle(name: string, most: number): string {
  const characters = Array.from(new Intl.Segmenter().segment(name), ({ segment }) => segment);
  if (characters.length <= most) return name;
  const end = Math.floor((most - 1) / 2);
  return `${characters.slice(0, most - 1 - end).join("")}…${characters.slice(-end).join("")}`;
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
