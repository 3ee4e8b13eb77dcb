/**
 * What a recipe's numbers may be. Beyond these a value is a slip, or would be waited for without end: JSON has
 * 1e300, float32 has not, and no machine has 100,000 threads.
 */
import * as z from "zod";

export const positiveInt = z.int().min(1);
/** Ratios and scales; as float32 neither they nor their squares are infinite or zero. */
export const factor = z.number().min(1e-9).max(1e9);
export const rate = z.number().min(1e-30).max(1e6);
/** With packing every epoch is planned before the first step; more passes than this are said in maxSteps. */
export const epochs = z.number().min(1e-6).max(100_000);
export const MAX_STEPS = 1_000_000_000;
export const stepCount = z.int().min(0).max(MAX_STEPS);
export const MAX_BATCH = 65_536;
export const MAX_COUNT = 1_000_000;
/** The longest context of a published model is ten million tokens. */
export const MAX_LENGTH = 16_777_216;
/** Hardware threads of the largest machines; ONNX Runtime starts every one that it is asked for. */
export const MAX_THREADS = 1024;
