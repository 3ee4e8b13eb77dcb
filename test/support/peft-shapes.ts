/** test/golden/peft-shapes: adapters in every shape that PEFT saves, and what PEFT makes of them. */
import { readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import {
  type TensorInfo,
  readSafetensorsHeader,
  readTensor,
} from "../../src/tensors/safetensors.ts";

const GOLDEN = fileURLToPath(new URL("../golden/peft-shapes", import.meta.url));

export const PEFT_SHAPES: readonly string[] = readdirSync(GOLDEN, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .toSorted();

export function peftShape(name: string): string {
  return path.join(GOLDEN, name);
}

/** Which of test/golden/models is its base. */
export function baseOf(name: string): "tied" | "untied" {
  return ["untied", "apart", "mlp", "layer", "bias"].some((word) => name.includes(word))
    ? "untied"
    : "tied";
}

/** Whether its change is in weights. */
export function isMergeable(name: string): boolean {
  return !name.startsWith("p-tuning") && name !== "projection";
}

/** The loss of base + adapter, and the tensors that PEFT's merge changes. */
export async function expectedOf(
  name: string,
): Promise<{ loss: number; merged: ReadonlyMap<string, TensorInfo> }> {
  const { tensors } = await readSafetensorsHeader(
    path.join(peftShape(name), "expected.safetensors"),
  );
  const [loss = 0] = await readTensor(tensors.get("loss")!);
  const merged = [...tensors].filter(([key]) => key.startsWith("merged."));
  return {
    loss,
    merged: new Map(merged.map(([key, info]) => [key.slice("merged.".length), info])),
  };
}
