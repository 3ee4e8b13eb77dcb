/** Takes adapters out of a model that they were merged into, where what they did can be undone. */
import { InputError } from "../../util/errors.ts";
import { NO_EXTRAS } from "../../adapter-files/peft/extras.ts";
import { type TensorInfo, readTensor } from "../../tensors/safetensors.ts";
import type { Change, MergeAdapter, NamedChange } from "./changes.ts";
import type { MergePlan } from "./changed-tensors.ts";

/** Significant bits; merging has rounded to them, and what was rounded away is not in the adapter. */
const SIGNIFICANT_BITS: Readonly<Record<string, number>> = { BF16: 8, F16: 11 };

/**
 * LoRA is subtracted, (IA)³ divided by, in the reverse of the order in which they were merged.
 * @throws InputError naming the adapter, or its tensor, whose change can't be undone
 */
export async function asUnmerge(adapters: readonly MergeAdapter[]): Promise<MergeAdapter[]> {
  const inverse: MergeAdapter[] = [];
  for (const adapter of adapters.toReversed()) {
    const [whole] = [...adapter.extras.whole.values(), ...rowsOf(adapter)];
    if (whole) throw cantRestore(whole);
    const changes: NamedChange[] = [];
    for (const named of adapter.changes) {
      changes.push({ ...named, change: await inverseOf(named.change) });
    }
    // The base is a merged model, whose tensors are no longer those that PEFT copied.
    inverse.push({ ...adapter, weight: -1, changes, extras: NO_EXTRAS });
  }
  return inverse;
}

async function inverseOf(change: Change): Promise<Change> {
  const { adapterDir } = change;
  switch (change.type) {
    case "low-rank":
      if (change.factors.magnitude) {
        throw new InputError(
          `${adapterDir} is DoRA, which set the length of each row anew: the old lengths are in no file of it, so it can't be taken out; go back to the base`,
        );
      }
      return { ...change, weight: -1 };
    case "scale": {
      const { file, name } = change.scales;
      if ((await readTensor(change.scales)).every((scale) => scale !== 0)) {
        return { ...change, weight: -1, isInverse: true };
      }
      throw new InputError(
        `${file}: tensor ${name} holds 0, which made weights zero: they can't be had back; go back to the base`,
      );
    }
    case "replace":
    case "rows":
      throw cantRestore(change.values);
  }
}

function rowsOf({ extras }: MergeAdapter): TensorInfo[] {
  return [...extras.rows.values()].map(({ values }) => values);
}

function cantRestore({ file, name }: TensorInfo): InputError {
  return new InputError(
    `${file}: tensor ${name} took the place of the base's own, which is in no file of the adapter, so it can't be taken out; go back to the base`,
  );
}

/** What is lost in half precision, a line for each number format. */
export function lossOfUnmerge({ merged }: MergePlan): string[] {
  const dtypes = new Set([...merged.values()].map(({ source }) => source.dtype));
  return [...dtypes].flatMap((dtype) => {
    const bits = SIGNIFICANT_BITS[dtype];
    if (bits === undefined) return [];
    return `the model is ${dtype}: merging has rounded its weights to ${bits} bits, and the result again, so that each may be off by up to 1/${2 ** (bits - 1)} of the merged weight; the original base is exact`;
  });
}
