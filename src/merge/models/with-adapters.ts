/** Models named with an adapter, BASE+ADAPTER: merged beside the output first, and gone with the end of the merge. */
import path from "node:path";
import { mergeAdapters } from "../adapters/merge-adapters.ts";
import { baseName } from "../../bases/base-name.ts";
import { type MergeRequest, mapModels } from "./request.ts";
import { besideOutput, checkOutput } from "../output-folder.ts";

/**
 * @param options.outDir what is to be written: the disk that has room
 * @param merge gets the request with folders of whole models
 * @throws what `merge` and `mergeAdapters` throw; nothing of the adapters' models is left behind
 */
export async function withMergedAdapters(
  request: MergeRequest,
  {
    outDir,
    log,
    signal,
  }: { outDir: string; log: (line: string) => void; signal: AbortSignal | undefined },
  merge: (request: MergeRequest) => Promise<void>,
): Promise<void> {
  const { adapters, ...rest } = request;
  if (!adapters || adapters.size === 0) return merge(rest);
  await checkOutput(
    outDir,
    [...adapters.values()].flatMap(({ base, adapter }) => [base, adapter]),
  );
  await besideOutput(outDir, async (folder) => {
    const merged = new Map<string, string>();
    for (const [index, [model, { base, adapter }]] of [...adapters].entries()) {
      const name = `${baseName(base).replaceAll("/", "--")}+${path.basename(adapter)}`;
      const dir = path.join(folder, String(index), name);
      log(`${path.basename(adapter)} into ${baseName(base)}`);
      const job = { baseDir: base, adapterDirs: [adapter], outDir: dir, log };
      await mergeAdapters(signal ? { ...job, signal } : job);
      merged.set(model, dir);
    }
    const config = mapModels(rest.config, (model) => merged.get(model) ?? model);
    await merge({ ...rest, config });
  });
}
