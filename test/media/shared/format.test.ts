import assert from "node:assert/strict";
import test from "node:test";
import {
  baseName,
  formatBytes,
  formatChange,
  formatCount,
  formatDuration,
  formatNumber,
  formatParameters,
  formatShare,
  formatTickCount,
  formatTickDuration,
  formatValue,
} from "../../../media/shared/format.ts";

function table<In>(format: (value: In) => string, cases: readonly (readonly [In, string])[]): void {
  for (const [value, expected] of cases) assert.equal(format(value), expected);
}

test("a measured value keeps four digits whatever its size", () => {
  table(formatValue, [
    [2.34, "2.340"],
    [0.0123456, "0.01235"],
    [1.2e-5, "1.20e-5"],
    [1234567, "1.23e6"],
    [-3.5, "−3.500"],
    [0, "0"],
    [Number.NaN, "NaN"],
    [Infinity, "∞"],
    [undefined, "–"],
  ]);
});

test("a setting is as short as it goes", () => {
  table(formatNumber, [
    [16, "16"],
    [2.5, "2.5"],
    [2e-4, "2e-4"],
    [1e-8, "1e-8"],
    [1000, "1000"],
    [0.999, "0.999"],
  ]);
});

test("counts, parameters, bytes and shares", () => {
  table(formatCount, [
    [1234567, "1,234,567"],
    [undefined, "–"],
  ]);
  table(formatParameters, [
    [512, "512"],
    [842_000, "842 K"],
    [2_442_240, "2.44 M"],
    [7_240_000_000, "7.24 B"],
  ]);
  table(formatBytes, [
    [512, "512 B"],
    [870e6, "870 MB"],
    [1.24e9, "1.24 GB"],
    [12.5e9, "12.5 GB"],
  ]);
  table(formatShare, [
    [0.0178, "1.78 %"],
    [1, "100 %"],
    [Number.NaN, "–"],
  ]);
  table(formatChange, [
    [-0.214, "−21.4 %"],
    [0.03, "+3.0 %"],
    [0, "±0.0 %"],
  ]);
});

test("a duration shows its two largest units", () => {
  table(formatDuration, [
    [0, "0 s"],
    [8_400, "8 s"],
    [125_000, "2 min 05 s"],
    [59_999, "1 min 00 s"],
    [4_800_000, "1 h 20 min"],
    [3 * 86_400_000 + 4 * 3_600_000, "3 d 4 h"],
    [undefined, "–"],
  ]);
});

test("ticks are short", () => {
  table(formatTickDuration, [
    [0, "0"],
    [0.5, "0.5s"],
    [45, "45s"],
    [300, "5m"],
    [5400, "1h30m"],
    [172_800, "2d"],
  ]);
  table(formatTickCount, [
    [0, "0"],
    [1500, "1500"],
    [15_000, "15k"],
    [2_500_000, "2.5M"],
  ]);
});

test("a path's last part is found on either kind of machine", () => {
  table(baseName, [
    ["/home/anna/models/SmolLM2", "SmolLM2"],
    ["C:\\models\\SmolLM2\\", "SmolLM2"],
    ["name", "name"],
  ]);
});
