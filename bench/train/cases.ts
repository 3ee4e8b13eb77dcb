/** The cases, by name. */
import { BIGGER_SIZES, biggerCase } from "./bigger-case.ts";
import type { Context } from "./context.ts";
import { firstLossCase } from "./first-loss-case.ts";
import { instructionsCase } from "./instructions-case.ts";
import type { CaseResult } from "./report.ts";
import { scalingCase } from "./scaling-case.ts";
import { memoryCase, tokensCase } from "./tokens-case.ts";
import { tfjsCase } from "./tfjs-case.ts";

type Case = (context: Context) => Promise<CaseResult>;

export const CASES: Readonly<Record<string, Case>> = {
  "tokens-4x256": (context) => tokensCase(context, { name: "tokens-4x256", rows: 4, length: 256 }),
  "tokens-1x512": (context) => tokensCase(context, { name: "tokens-1x512", rows: 1, length: 512 }),
  instructions: instructionsCase,
  "memory-4x256": (context) => memoryCase(context, { name: "memory-4x256", rows: 4, length: 256 }),
  "memory-1x512": (context) => memoryCase(context, { name: "memory-1x512", rows: 1, length: 512 }),
  ...Object.fromEntries(
    BIGGER_SIZES.map((size): [string, Case] => [size, (context) => biggerCase(context, size)]),
  ),
  scaling: scalingCase,
  "first-loss": firstLossCase,
  tfjs: tfjsCase,
};
