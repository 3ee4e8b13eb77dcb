/** What a run trains and takes, in lines: the same in its log, on the terminal and from `inspect --recipe`. */
import { formatBytes, formatCount } from "../util/format.ts";
import { type PlannedMemory, USABLE_SHARE } from "./step-form.ts";

export function trainsText(trained: number, total: number): string {
  const percent = (100 * trained) / total;
  const share = percent >= 10 ? percent.toFixed(0) : percent.toPrecision(2);
  return `trains ${formatCount(trained)} of ${formatCount(total)} parameters (${share} %)`;
}

export function fits({
  predictedBytes,
  availableBytes,
}: Pick<PlannedMemory, "predictedBytes" | "availableBytes">): boolean {
  return predictedBytes <= USABLE_SHARE * availableBytes;
}

/** Names the ways out; undefined where the run is predicted to fit. */
export function tightMemory(
  memory: Pick<PlannedMemory, "predictedBytes" | "availableBytes">,
): string | undefined {
  if (fits(memory)) return undefined;
  const { predictedBytes, availableBytes } = memory;
  return `this may not fit: ${formatBytes(predictedBytes)} predicted, ${formatBytes(availableBytes)} free; lower data.maxLength, train fewer layers, or choose memory "memory" or a quantization`;
}

/** What is trained, what that is predicted to take, and a warning where that may be too much. */
export function budgetLines(
  { trained, total }: { trained: number; total: number },
  memory: PlannedMemory | undefined,
): string[] {
  const trains = trainsText(trained, total);
  if (!memory) return [trains];
  const { weights, packedWeights, activations, gradients, optimizer, process } = memory.bytes;
  const parts = [
    `weights ${formatBytes(weights + packedWeights)}`,
    `activations ${formatBytes(activations)}`,
    `gradients ${formatBytes(gradients)}`,
    `optimizer ${formatBytes(optimizer)}`,
    `process ${formatBytes(process)}`,
  ];
  const warning = tightMemory(memory);
  const peak = `predicted peak ${formatBytes(memory.predictedBytes)}: ${parts.join(", ")}`;
  return [`${trains}; ${peak}`, ...(warning === undefined ? [] : [warning])];
}
