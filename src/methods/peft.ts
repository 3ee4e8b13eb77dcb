/** Writes an adapter as PEFT does, so that PEFT loads it. */
import { SCORE, classifierFiles } from "../adapter-files/classifier-head.ts";
import type { PeftConfig } from "../adapter-files/peft/any-config.ts";
import { writePeftFolder } from "../adapter-files/peft/write-folder.ts";
import { peftScoreName } from "../adapter-files/peft/score.ts";
import type { CausalLm } from "../graph/causal-lm.ts";
import { fromFloat32 } from "../tensors/dtype.ts";
import type { TensorToWrite } from "../tensors/safetensors.ts";
import { moduleOf } from "../util/tensor-patterns.ts";
import type { TrainedAdapter } from "./method.ts";

/**
 * @param method what is the method's own
 * @throws what the file system throws; the folder then is as it was before
 */
export async function savePeft(
  dir: string,
  method: PeftConfig,
  { base, whole, tensors, baseModel }: TrainedAdapter,
): Promise<void> {
  const config: PeftConfig = {
    ...method,
    task_type: base.classifier ? "SEQ_CLS" : "CAUSAL_LM",
    base_model_name_or_path: baseModel,
    inference_mode: true,
  };
  const nameOf = (tensor: string): string => {
    if (!whole.has(tensor)) return tensor;
    return tensor === SCORE ? peftScoreName(config.peft_type) : `base_model.model.${tensor}`;
  };
  await writePeftFolder(
    dir,
    config,
    tensors.map(({ name, shape, values }): TensorToWrite => ({
      name: nameOf(name),
      dtype: "F32",
      shape,
      data: fromFloat32(values, "F32"),
    })),
    base.classifier && classifierFiles(base.classifier),
  );
}

/** `modules_to_save`; null for none. */
export function modulesToSave({ whole }: TrainedAdapter): string[] | null {
  const modules = [...new Set([...whole].map(moduleOf))];
  return modules.length > 0 ? modules : null;
}

/** Names without their layer where that says exactly the same, else whole paths. */
export function targetModules(paths: readonly string[], { linearLayers }: CausalLm): string[] {
  const last = (each: string): string => each.split(".").at(-1) ?? each;
  const chosen = new Set(paths);
  const names = new Set(paths.map(last));
  const same = linearLayers.every(({ path }) => names.has(last(path)) === chosen.has(path));
  return [...(same ? names : chosen)].toSorted();
}
