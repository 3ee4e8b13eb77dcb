/** What a configuration names a model by: a folder, or a name on the hub that is in the hub's local cache. */
import path from "node:path";
import { InputError } from "../../util/errors.ts";
import { locateBase, parseBase } from "../../bases/references.ts";
import { pathExists } from "../../util/path-exists.ts";

export interface ModelFolders {
  base: string;
  /** What stands behind "+". */
  adapter: string | undefined;
}

/**
 * "PATH", "PATH@REVISION", each with "+ADAPTER". A path that exists is taken as it is, whatever is in it.
 * @throws InputError naming the place, and how to get the model
 */
export async function resolveReference(
  reference: string,
  { folder, place }: { folder: string; place: string },
): Promise<ModelFolders> {
  const whole = path.resolve(folder, reference);
  if (await pathExists(whole)) return { base: whole, adapter: undefined };
  const parts = reference.split("+");
  if (parts.length > 2) {
    throw new InputError(`${place}: model ${reference} has more than one +; write MODEL+ADAPTER`);
  }
  const [model = "", adapter] = parts;
  return {
    base: await located(model, { folder, place }),
    adapter: adapter === undefined ? undefined : await located(adapter, { folder, place }),
  };
}

async function located(
  name: string,
  { folder, place }: { folder: string; place: string },
): Promise<string> {
  try {
    return await locateBase(await parseBase(name, folder));
  } catch (error) {
    throw error instanceof InputError ? new InputError(`${place}: ${error.message}`) : error;
  }
}
