// How the steps of `npm test` hand their counts to it: one small file each under out/results/. What a
// step says while another one prints lies beside it.
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { root } from "./install.mjs";

const folder = path.join(root, "out/results");
const logOf = (step) => path.join(folder, `${step}.log`);
const fileOf = (step) => path.join(folder, `${step}.json`);

/** @param {string} step @param {{ passed: number, failed: number, skipped: number }} counts */
export function writeCounts(step, counts) {
  mkdirSync(folder, { recursive: true });
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

/** @returns {number} the descriptor of an empty file */
export function openLog(step) {
  mkdirSync(folder, { recursive: true });
  return openSync(logOf(step), "w");
}

export function readLog(step) {
  return readFileSync(logOf(step), "utf8");
}
