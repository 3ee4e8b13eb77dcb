/** What a configuration names a model by: a folder, or a name on the hub that is in the hub's local cache. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { InputError } from "../../util/errors.ts";
import { hubCacheFolder } from "../../util/hub-cache.ts";
import { pathExists } from "../../util/path-exists.ts";

export interface ModelFolders {
  base: string;
  /** What stands behind "+". */
  adapter: string | undefined;
}

/** Owner and name, as the hub has them. */
const HUB_NAME = /^[\w.-]+\/[\w.-]+$/u;

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
    base: await resolveOne(model, { folder, place }),
    adapter: adapter === undefined ? undefined : await resolveOne(adapter, { folder, place }),
  };
}

async function resolveOne(
  name: string,
  { folder, place }: { folder: string; place: string },
): Promise<string> {
  const local = path.resolve(folder, name);
  if (await pathExists(local)) return local;
  const [repository = "", revision = "main", ...more] = name.split("@");
  if (more.length > 0) {
    throw new InputError(`${place}: model ${name} has more than one @; write NAME@REVISION`);
  }
  if (!HUB_NAME.test(repository) || revision.split("/").includes("..")) {
    throw new InputError(
      `${place}: model ${name} is no folder (${local}), nor a name on the hub, OWNER/NAME`,
    );
  }
  const cache = hubCacheFolder();
  const stored = path.join(cache, `models--${repository.replace("/", "--")}`);
  const commit = await readFile(path.join(stored, "refs", revision), "utf8").catch(() => revision);
  const snapshot = path.join(stored, "snapshots", commit.trim());
  if (await pathExists(snapshot)) return snapshot;
  const option = name.includes("@") ? ` --revision ${revision}` : "";
  throw new InputError(
    `${place}: model ${name} is no folder (${local}) and not in the hub's cache (${stored}); get it with "hf download ${repository}${option}", or name its folder`,
  );
}
