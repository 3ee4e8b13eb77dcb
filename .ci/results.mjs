// How the steps of `npm test` hand their counts to it: one small file each under out/results/.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { root } from "./install.mjs";

const fileOf = (step) => path.join(root, "out/results", `${step}.json`);

/** @param {string} step @param {{ passed: number, failed: number, skipped: number }} counts */
export function writeCounts(step, counts) {
  mkdirSync(path.dirname(fileOf(step)), { recursive: true });
  writeFileSync(fileOf(step), JSON.stringify(counts));
  console.log(`${step}: ${counts.passed} passed, ${counts.failed} failed`);
}

export function clearCounts(step) {
  rmSync(fileOf(step), { force: true });
}

/** @returns {{ passed: number, failed: number, skipped: number } | undefined} */
export function readCounts(step) {
  return existsSync(fileOf(step)) ? JSON.parse(readFileSync(fileOf(step), "utf8")) : undefined;
}
