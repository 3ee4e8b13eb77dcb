import type { PeftFolder } from "../../../adapter-files/peft/folder.ts";
import { ia3Tensors } from "../../../adapter-files/peft/others.ts";
import type { Change, MergeKind, NamedChange, ReadChanges } from "../changes.ts";

export const IA3: MergeKind = { name: "IA3", changes: ia3Changes };

function ia3Changes(folder: PeftFolder, weight: number): ReadChanges {
  const { dir } = folder;
  const { scales: tensors, extras } = ia3Tensors(folder);
  const changes = [...tensors].flatMap(([path, scales]): NamedChange[] => {
    const isInput = scales.shape[0] === 1 && scales.shape[1] !== 1;
    const axis = isInput ? "columns" : "rows";
    const change: Change = { adapterDir: dir, weight, type: "scale", scales, axis };
    // The result is scaled with its bias; an input is scaled before it.
    const bias = { name: `${path}.bias`, change, isOptional: true };
    return [{ name: `${path}.weight`, change }, ...(isInput ? [] : [bias])];
  });
  const modules = changes.filter(({ isOptional }) => !isOptional).length;
  return { dir, weight, method: "(IA)³", lora: undefined, changes, extras, modules };
}
