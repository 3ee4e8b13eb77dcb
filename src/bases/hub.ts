import { readFile } from "node:fs/promises";
import path from "node:path";
import { InputError } from "../util/errors.ts";
import { hubCacheFolder } from "../util/hub-cache.ts";
import { pathExists } from "../util/path-exists.ts";
import type { BaseKind, BaseReference } from "./base-kind.ts";

/** Owner and name, as the hub has them. */
const HUB_NAME = /^[\w.-]+\/[\w.-]+$/u;

/** The snapshot in the hub's local cache. @throws InputError that says how to get it */
async function snapshotOf(reference: BaseReference): Promise<string> {
  const { given, location, revision = "main", tried } = reference;
  const cache = hubCacheFolder();
  const stored = path.join(cache, `models--${location.replace("/", "--")}`);
  const commit = await readFile(path.join(stored, "refs", revision), "utf8").catch(() => revision);
  const snapshot = path.join(stored, "snapshots", commit.trim());
  if (await pathExists(snapshot)) return snapshot;
  const option = given.includes("@") ? ` --revision ${revision}` : "";
  throw new InputError(
    `model ${given} is no folder${tried === undefined ? "" : ` (${tried})`} and not in the hub's cache (${stored}); get it with "hf download ${location}${option}", or name its folder`,
  );
}

/** "OWNER/NAME", "OWNER/NAME@REVISION": what `hf download` has put into the hub's local cache. */
export const hub: BaseKind = {
  name: "hub",
  parse: (text) => {
    const [location = "", revision = "main", ...more] = text.split("@");
    if (more.length > 0) {
      throw new InputError(`model ${text} has more than one @; write NAME@REVISION`);
    }
    const isName = HUB_NAME.test(location) && !revision.split("/").includes("..");
    return isName ? { location, revision } : undefined;
  },
  locate: snapshotOf,
};
