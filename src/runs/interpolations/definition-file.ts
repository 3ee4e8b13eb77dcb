import path from "node:path";
import { INTERPOLATION_FILES, OLD_DEFINITION_FILE } from "../../protocol/interpolation.ts";
import { pathExists } from "../../util/path-exists.ts";

/** @returns the name of the file that defines the interpolation in `dir`, whether or not it is there */
export async function definitionFile(dir: string): Promise<string> {
  const { definition } = INTERPOLATION_FILES;
  if (await pathExists(path.join(dir, definition))) return definition;
  return (await pathExists(path.join(dir, OLD_DEFINITION_FILE))) ? OLD_DEFINITION_FILE : definition;
}
