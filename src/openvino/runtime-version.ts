/**
 * Which OpenVINO is used. Its C interface keeps from release to release; what its plugins make of a graph
 * does not (docs/engine.md tells of a release with wrong gradients in float32), so that only what was tried is loaded.
 */

/** What *Install bfloat16 Runtime* fetches. */
export const PINNED_VERSION = "2026.4.1";

/** For messages. */
export const TESTED_VERSIONS = "2026.4";

export function isTested(version: string): boolean {
  return version === TESTED_VERSIONS || version.startsWith(`${TESTED_VERSIONS}.`);
}

/** The version in a file's name: 2641 in libopenvino.so.2641 is 2026.4.1, as in libopenvino.so.2026.4.1. */
export function namedVersion(digits: string): string {
  const [, year, release, patch] = /^(\d\d)(\d)(\d)$/u.exec(digits) ?? [];
  return year === undefined ? digits : `20${year}.${release}.${patch}`;
}

/** VS_FIXEDFILEINFO of a Windows library begins so, in the order of its bytes. */
const RESOURCE_SIGNATURE = Buffer.from("bd04effe", "hex");
const FILE_VERSION_AT = 8;

/**
 * A library's name has none on Windows; its version resource has: 2026.4.1.22982, without the build.
 * @param bytes the whole file
 */
export function resourceVersion(bytes: Buffer): string | undefined {
  const at = bytes.indexOf(RESOURCE_SIGNATURE);
  if (at < 0 || at + FILE_VERSION_AT + 8 > bytes.length) return undefined;
  const words = [2, 0, 6].map((offset) => bytes.readUInt16LE(at + FILE_VERSION_AT + offset));
  return words.join(".");
}
