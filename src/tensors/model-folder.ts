/**
 * The one writer of a Hugging Face model's folder: what a run trained, a base with adapters in it, models merged
 * into one. Weights bear another name until they are on the disk and config.json comes last, so that whatever is
 * killed when, no folder passes for a model that is none.
 */
import { copyFile, open, writeFile } from "node:fs/promises";
import path from "node:path";
import { InternalError } from "../util/errors.ts";
import { replaceFolder } from "../util/replace-folder.ts";
import { writeIndexFile } from "./index-file.ts";
import { INDEX_FILE } from "./model-weights.ts";
import {
  type TensorShape,
  beginSafetensors,
  finishSafetensors,
  writeFullyAt,
} from "./safetensors.ts";
import { CONFIG_FILE, writeChangedConfig } from "./side-config.ts";
import { copySideFiles } from "./side-files.ts";
import type { RunTask, TensorTask, Unplaced } from "./tensor-tasks.ts";
import { runTensorTasks } from "./tensor-threads.ts";

export interface FolderTensor<Task extends TensorTask> extends TensorShape {
  /** What writes it, maybe in a thread; or its bytes, where they are in memory. */
  from: Unplaced<Task> | (() => Uint8Array);
}

export interface ModelFile<Task extends TensorTask> {
  /** "model.safetensors" */
  name: string;
  tensors: readonly FolderTensor<Task>[];
  metadata: Readonly<Record<string, string>>;
}

export interface ModelFolder<Task extends TensorTask> {
  files: readonly ModelFile<Task>[];
  run: RunTask<Task>;
  /** An index that says the same, to be copied; or whether one is made of the files. */
  index: { copyOf: string } | boolean;
  /** README.md; left out: none. */
  card?: string;
  /** Names of side files to copy, by the folder that they are in; config.json counts as the base's own. */
  side: readonly (readonly [dir: string, names: readonly string[]])[];
  /** What lies beside the weights and is not merely copied. */
  beside?: (folder: string) => Promise<void>;
  /** Whose config.json is copied, or is written with what `wanted` says otherwise. */
  config: { dir: string; wanted?: Readonly<Record<string, unknown>> | undefined };
  /** @param bytes more that are written */
  onBytes?: (bytes: number) => void;
  /** Once all weights are written, before the rest. */
  onWeights?: () => void;
  signal?: AbortSignal | undefined;
}

/** A file whose header is written and whose tensors are not. */
interface BegunFile<Task> {
  /** Under a name that no one reads. */
  partial: string;
  file: string;
  tasks: readonly Task[];
}

/**
 * The folder appears by rename, whole or not at all; an earlier one of its name gives way to it.
 * @throws what the tasks and the file system throw; nothing is left behind then, and an earlier folder is as it was
 */
export async function writeModelFolder<Task extends TensorTask>(
  dir: string,
  folder: ModelFolder<Task>,
): Promise<void> {
  const { files, run, onBytes = () => {}, signal, config } = folder;
  await replaceFolder(dir, async (temporary) => {
    const begun: BegunFile<Task>[] = [];
    for (const file of files) begun.push(await beginFile(file, temporary, onBytes));
    await runTensorTasks(
      begun.flatMap(({ tasks }) => tasks),
      { run, onBytes, signal },
    );
    for (const { partial, file } of begun) await finishSafetensors(partial, file);
    folder.onWeights?.();
    await writeIndex(temporary, folder);
    if (folder.card !== undefined) {
      await writeFile(path.join(temporary, "README.md"), folder.card, { flush: true });
    }
    for (const [from, names] of folder.side) {
      const others = names.filter((name) => name !== CONFIG_FILE);
      await copySideFiles(from, others, temporary);
    }
    await folder.beside?.(temporary);
    if (config.wanted) await writeChangedConfig(config.dir, temporary, config.wanted);
    else await copySideFiles(config.dir, [CONFIG_FILE], temporary);
  });
}

async function beginFile<Task extends TensorTask>(
  { name, tensors, metadata }: ModelFile<Task>,
  dir: string,
  onBytes: (bytes: number) => void,
): Promise<BegunFile<Task>> {
  const file = path.join(dir, name);
  const partial = `${file}.partial`;
  const places = await beginSafetensors(partial, tensors, metadata);
  const tasks: Task[] = [];
  const handle = await open(partial, "r+");
  try {
    for (const { name: tensor, dtype, from } of tensors) {
      const byteOffset = places.get(tensor);
      if (byteOffset === undefined) throw new InternalError(`no place for ${tensor}`);
      if (typeof from === "function") {
        const bytes = from();
        await writeFullyAt(handle, bytes, byteOffset);
        onBytes(bytes.byteLength);
      } else {
        const output = { name: tensor, file: partial, byteOffset, dtype };
        tasks.push({ ...from, output } as unknown as Task);
      }
    }
  } finally {
    await handle.close();
  }
  return { partial, file, tasks };
}

async function writeIndex<Task extends TensorTask>(
  dir: string,
  { index, files }: ModelFolder<Task>,
): Promise<void> {
  if (index === false) return;
  if (index !== true) return copyFile(index.copyOf, path.join(dir, INDEX_FILE));
  await writeIndexFile(
    dir,
    files.map(({ name, tensors }) => [name, tensors]),
  );
}
