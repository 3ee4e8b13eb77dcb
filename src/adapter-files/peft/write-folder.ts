/** Writes PEFT's folder of an adapter, whatever its method. */
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { type TensorToWrite, writeSafetensors } from "../../tensors/safetensors.ts";
import { replaceFolder } from "../../util/replace-folder.ts";
import type { PeftConfig } from "./any-config.ts";
import { peftModelCard } from "./card.ts";
import { CONFIG_FILE, WEIGHTS_FILE } from "./folder.ts";

/**
 * @param others text files to write beside PEFT's own, by name
 * @throws what the file system throws; the folder then is as it was before
 */
export async function writePeftFolder(
  dir: string,
  config: PeftConfig,
  tensors: readonly TensorToWrite[],
  others: Readonly<Record<string, string>> = {},
): Promise<void> {
  await replaceFolder(dir, async (temporary) => {
    const text = (name: string, content: string) =>
      writeFile(path.join(temporary, name), content, { flush: true });
    await writeSafetensors(path.join(temporary, WEIGHTS_FILE), tensors, { format: "pt" });
    await text(CONFIG_FILE, JSON.stringify(config, sortKeys, 2));
    await text("README.md", peftModelCard(config));
    for (const [name, content] of Object.entries(others)) await text(name, content);
  });
}

/** For JSON.stringify: every object's keys in order, as PEFT writes them. */
function sortKeys(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
