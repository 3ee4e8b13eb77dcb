import { stat } from "node:fs/promises";
import { InputError, hasCode } from "../util/errors.ts";
import type { BaseKind, BaseReference } from "./base-kind.ts";

/** @throws InputError where there is nothing */
export async function isFolder({ location }: BaseReference): Promise<boolean> {
  const found = await stat(location).catch((error: unknown) => {
    if (hasCode(error, "ENOENT")) {
      throw new InputError(
        `base model ${location} does not exist; give a Hugging Face folder or a .gguf`,
      );
    }
    throw error;
  });
  return found.isDirectory();
}

/** @throws InputError for what is no folder */
export async function loadFolder(reference: BaseReference): Promise<string> {
  const { location } = reference;
  if (await isFolder(reference)) return location;
  throw new InputError(`base model ${location} is neither a Hugging Face folder nor a .gguf file`);
}

/** A Hugging Face folder; and any path that no other kind knows, which is then refused. */
export const folder: BaseKind = { name: "path", isAt: () => true };
