import { cpSync } from "node:fs";
import path from "node:path";
import { fromFloat32 } from "../../src/tensors/dtype.ts";
import { readModelWeights } from "../../src/tensors/model-weights.ts";
import { readTensor, writeSafetensors } from "../../src/tensors/safetensors.ts";
import { goldenModel } from "./llama-golden.ts";

/**
 * A golden model with its values in float32: what is compared is the arithmetic, not the rounding at the end.
 * @param folder to be written
 */
export async function writeWideBase(variant: string, folder: string): Promise<string> {
  cpSync(goldenModel(variant), folder, {
    recursive: true,
    filter: (file) => !/model.*safetensors|index\.json|adapter$/u.test(path.basename(file)),
  });
  const tensors = [...(await readModelWeights(goldenModel(variant))).values()].map(
    async (info) => ({
      name: info.name,
      dtype: "F32" as const,
      shape: info.shape,
      data: fromFloat32(await readTensor(info), "F32"),
    }),
  );
  await writeSafetensors(path.join(folder, "model.safetensors"), await Promise.all(tensors), {
    format: "pt",
  });
  return folder;
}
