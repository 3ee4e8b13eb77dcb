/** The files that a run depends on: hashed, so that a resume is of the same run. */
import { readdir } from "node:fs/promises";
import path from "node:path";
import type { LoadedBase } from "../bases/load-base.ts";
import { isFromScratch } from "../protocol/methods.ts";
import type { ResolvedRecipe } from "../protocol/recipe.ts";
import { additionalTemplates } from "../util/chat-template-file.ts";
import { InputError } from "../util/errors.ts";
import { type Hashing, startHashing } from "../util/hash-files.ts";

type Inputs = Pick<ResolvedRecipe, "method" | "data">;

/** Files of a base model whose change would change what the run does. */
const MODEL_FILES =
  /\.safetensors$|^(config|tokenizer|tokenizer_config|special_tokens_map|added_tokens)\.json$|^chat_template\.jinja$/u;

/** Hashes what the run depends on; a copy of the base is hashed too, and must be what was made. */
export async function hashInputs(base: LoadedBase, recipe: Inputs): Promise<Hashing> {
  const copied = (await base.copy?.files(base.dir)) ?? [];
  const inputs = await inputFiles(base, recipe);
  const hashing = startHashing([...inputs, ...copied]);
  const hashes = hashing.hashes.then(async (found) => {
    if (copied.length > 0) await base.copy?.check(base.dir, found);
    return Object.fromEntries(Object.entries(found).filter(([file]) => !copied.includes(file)));
  });
  hashes.catch(() => {});
  return { hashes, stop: () => hashing.stop() };
}

async function inputFiles({ named, dir }: LoadedBase, recipe: Inputs): Promise<string[]> {
  const { method, data } = recipe;
  const names = (await readdir(dir)).filter(
    (name) => MODEL_FILES.test(name) && !(isFromScratch(method) && name.endsWith(".safetensors")),
  );
  // What was named is the truth; a copy of it in the cache is not.
  const ofBase =
    named === dir
      ? [
          ...names.toSorted().map((name) => path.join(dir, name)),
          ...(await additionalTemplates(dir)),
        ]
      : [named];
  return [...ofBase, data.train, ...(data.eval === undefined ? [] : [data.eval])];
}

/**
 * A resumed run on other data or another base would be a different run under the same name.
 * @throws InputError naming the first file that is not what it was
 */
export function checkHashes(before: Record<string, string>, now: Record<string, string>): void {
  for (const [file, hash] of Object.entries(before)) {
    if (now[file] === hash) continue;
    const what = now[file] === undefined ? "is gone" : "has changed";
    throw new InputError(
      `${file} ${what} since this run began, so it can't go on; restore the file, or start a new run`,
    );
  }
}
