/** Writes the folder of a merge, where there is room for it. */
import { InputError } from "../util/errors.ts";
import { type ModelFolder, writeModelFolder } from "../tensors/model-folder.ts";
import { totalBytes } from "../tensors/safetensors.ts";
import { type MergeTask, runMergeTask } from "./merge-tasks.ts";
import { makeRoom } from "./output-folder.ts";

export interface MergeFolder extends Omit<ModelFolder<MergeTask>, "run" | "onBytes"> {
  /** The size of the files that are copied. */
  sideBytes: number;
  /** @param done and total bytes of the output's tensors */
  onProgress?: ((done: number, total: number) => void) | undefined;
}

/** @throws InputError when the disk is full, or a tensor can't be merged; nothing is left behind then */
export async function writeMerge(
  outDir: string,
  { sideBytes, onProgress, ...folder }: MergeFolder,
): Promise<void> {
  const total = totalBytes(folder.files.flatMap(({ tensors }) => tensors));
  await makeRoom(outDir, total + sideBytes);
  let done = 0;
  const onBytes = (bytes: number): void => onProgress?.((done += bytes), total);
  await writeModelFolder(outDir, { ...folder, run: runMergeTask, onBytes }).catch(
    (error: unknown) => {
      // The system's own message names the call, not the folder.
      if (!(error instanceof Error && "syscall" in error)) throw error;
      throw new InputError(`${outDir} cannot be written: ${error.message}`, { cause: error });
    },
  );
}
