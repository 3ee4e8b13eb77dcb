/** A new file that is seen whole or not at all, on local and on network disks alike. */
import { link, writeFile } from "node:fs/promises";
import { hasCode } from "./errors.ts";

/**
 * By a hard link, which only one of several can make.
 * @param temporary a file beside `target` that holds `text` already; it stays
 * @returns false where `target` is there already, which is then as it was
 */
export async function createFile(
  target: string,
  { temporary, text }: { temporary: string; text: string },
): Promise<boolean> {
  try {
    await link(temporary, target);
    return true;
  } catch (error) {
    if (hasCode(error, "EEXIST")) return false;
    if (!hasNoLinks(error)) throw error;
  }
  try {
    // Seen between making and filling it, for a moment.
    await writeFile(target, text, { flag: "wx" });
    return true;
  } catch (error) {
    if (hasCode(error, "EEXIST")) return false;
    throw error;
  }
}

/** FAT, and some network disks. */
function hasNoLinks(error: unknown): boolean {
  return ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"].some((code) =>
    hasCode(error, code),
  );
}
