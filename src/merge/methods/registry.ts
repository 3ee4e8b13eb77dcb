/** The merge methods by the names that mergekit gives them. */
import { linear } from "./linear.ts";
import type { Method } from "./method.ts";

export type MethodName = "linear";

export const METHODS: Readonly<Record<MethodName, Method>> = { linear };
