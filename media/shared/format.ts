/** Numbers as a person reads them. Every function is pure; "–" stands for what is not known. */

export const UNKNOWN = "–";

/** A measured value, always four digits wide so that it does not jump about: 2.340, 0.01234, 1.20e-5. */
export function formatValue(value: number | undefined | null): string {
  if (value === undefined || value === null) return UNKNOWN;
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const shown = value.toPrecision(4);
  const magnitude = Math.abs(Number(shown));
  const isPlain = magnitude >= 1e-3 && magnitude < 1e6;
  const text = !isPlain ? value.toExponential(2) : magnitude >= 1e4 ? value.toFixed(0) : shown;
  return text.replace(/^-/, "−").replace("e+", "e");
}

/** A set or round value, as short as it goes: 2.5, 16, 2e-4. */
export function formatNumber(value: number | undefined | null): string {
  const [mantissa = "", exponent] = formatValue(value).split("e");
  return exponent === undefined ? trimZeros(mantissa) : `${trimZeros(mantissa)}e${exponent}`;
}

/** So many digits, and never an exponent for a large one. */
function rounded(value: number, digits: number): string {
  return String(Number(value.toPrecision(digits)));
}

function trimZeros(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** Thousands grouped: 12 345. */
export function formatCount(value: number | undefined): string {
  if (value === undefined) return UNKNOWN;
  return Math.round(value).toLocaleString("en-US");
}

/** 842 K, 1.25 M, 7.24 B: the way parameters are spoken of. */
export function formatParameters(value: number | undefined): string {
  if (value === undefined) return UNKNOWN;
  for (const [unit, size] of [
    ["B", 1e9],
    ["M", 1e6],
    ["K", 1e3],
  ] as const) {
    // 999,500 rounds to 1 M.
    if (value >= 0.9995 * size) return `${rounded(value / size, 3)} ${unit}`;
  }
  return String(value);
}

/** Decimal units, as in the trees and on the command line: 1.24 GB, 830 MB. */
export function formatBytes(bytes: number | undefined): string {
  if (bytes === undefined) return UNKNOWN;
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  const shown = (): number => Number(value.toPrecision(3));
  while (shown() >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = shown() >= 100 || unit === 0 ? 0 : shown() >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

/** A share in [0, 1] as a percentage: 0.85 %, 12.3 %, 100 %. */
export function formatShare(share: number | undefined): string {
  if (share === undefined || !Number.isFinite(share)) return UNKNOWN;
  return `${rounded(share * 100, 3)} %`;
}

/** A relative change with its sign: −21.4 %, +3.0 %. */
export function formatChange(change: number | undefined): string {
  if (change === undefined || !Number.isFinite(change)) return UNKNOWN;
  const sign = change < 0 ? "−" : change > 0 ? "+" : "±";
  return `${sign}${Math.abs(change * 100).toFixed(1)} %`;
}

/** The same wherever an epoch stands: 6.6667 → "6.67", 8 → "8" */
export function formatEpoch(epoch: number): string {
  return Number.isInteger(epoch) ? String(epoch) : epoch.toFixed(2);
}

/** 8 s, 2 min 05 s, 1 h 20 min, 3 d 4 h: the two largest units. */
export function formatDuration(ms: number | undefined): string {
  if (ms === undefined || !Number.isFinite(ms)) return UNKNOWN;
  const seconds = Math.max(0, Math.round(ms / 1000));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  if (days > 0) return `${days} d ${hours % 24} h`;
  if (hours > 0) return `${hours} h ${String(minutes % 60).padStart(2, "0")} min`;
  if (minutes > 0) return `${minutes} min ${String(seconds % 60).padStart(2, "0")} s`;
  return `${seconds} s`;
}

/** Axis ticks of elapsed time: 0, 45s, 5m, 1h30m, 2d. */
export function formatTickDuration(seconds: number): string {
  const tenths = Math.round(seconds * 10) / 10;
  if (tenths === 0) return "0";
  if (tenths < 60) return `${tenths}s`;
  const total = Math.round(seconds);
  const parts: [number, string][] = [
    [Math.floor(total / 86_400), "d"],
    [Math.floor(total / 3600) % 24, "h"],
    [Math.floor(total / 60) % 60, "m"],
    [total % 60, "s"],
  ];
  const shown = parts.filter(([count]) => count > 0).slice(0, 2);
  return shown.map(([count, unit]) => `${count}${unit}`).join("");
}

/** Axis ticks of a step: 500, 1.5k, 20k, 3M. */
export function formatTickCount(value: number): string {
  if (Math.abs(value) >= 0.99995e6) return `${rounded(value / 1e6, 4)}M`;
  if (Math.abs(value) >= 1e4) return `${rounded(value / 1e3, 4)}k`;
  return String(Math.round(value * 100) / 100);
}

/** The last part of a path of either kind of machine, for labels; the tooltip shows it whole. */
export function baseName(path: string): string {
  const parts = path.split(/[\\/]/).filter((part) => part !== "");
  return parts.at(-1) ?? path;
}
