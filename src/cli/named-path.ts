/** Models, adapters and data as arguments: PATH, or NAME=PATH for how it is called in a table. */
import { stat } from "node:fs/promises";
import path from "node:path";
import { InputError, errorMessage, hasCode } from "../util/errors.ts";
import { pathExists } from "../util/path-exists.ts";

export interface NamedPath {
  /** Undefined where none was given. */
  name: string | undefined;
  path: string;
}

/** A path that exists may hold "=" itself. */
export async function namedPath(text: string): Promise<NamedPath> {
  const at = text.indexOf("=");
  if (at <= 0 || (await pathExists(text))) return { name: undefined, path: path.resolve(text) };
  return { name: text.slice(0, at), path: path.resolve(text.slice(at + 1)) };
}

/**
 * Every path with the name that was given, else the fewest last parts of it that tell it from the others.
 * @throws InputError for a name that is given twice
 */
export function withNames(paths: readonly NamedPath[]): { name: string; path: string }[] {
  const names = paths.map((one) => {
    if (one.name !== undefined) return one.name;
    const parts = one.path.split(path.sep).filter(Boolean);
    const others = paths.filter((other) => other !== one && other.name === undefined);
    const tail = (whole: string, count: number): string =>
      whole.split(path.sep).filter(Boolean).slice(-count).join("/");
    let count = 1;
    const isShared = (): boolean =>
      others.some((other) => tail(other.path, count) === tail(one.path, count));
    while (count < parts.length && isShared()) count++;
    return tail(one.path, count);
  });
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    throw new InputError(`"${twice}" is given twice; tell the two apart by NAME=PATH`);
  }
  return paths.map((one, index) => ({ name: names[index] ?? "", path: one.path }));
}

/** @throws InputError before a long evaluation fails at its last file */
export async function checkReadable(files: readonly { path: string }[]): Promise<void> {
  for (const file of files) {
    const found = await stat(file.path).catch((error: unknown) => {
      if (hasCode(error, "ENOENT")) throw new InputError(`data file ${file.path} does not exist`);
      throw new InputError(`data file ${file.path}: ${errorMessage(error)}`, { cause: error });
    });
    if (found.isDirectory()) throw new InputError(`data file ${file.path} is a folder`);
  }
}
