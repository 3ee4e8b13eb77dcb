/** The merge methods by name; mergekit writes `_` where these have `-`. */
import type { MethodName } from "../../protocol/merge-config.ts";
import { dareLinear } from "./dare-linear.ts";
import { dareTies } from "./dare-ties.ts";
import { linear } from "./linear.ts";
import type { Method } from "./method.ts";
import { modelSoup } from "./model-soup.ts";
import { passthrough } from "./passthrough.ts";
import { slerp } from "./slerp.ts";
import { taskArithmetic } from "./task-arithmetic.ts";
import { ties } from "./ties.ts";

export const METHODS: Readonly<Record<MethodName, Method>> = {
  linear,
  slerp,
  "task-arithmetic": taskArithmetic,
  ties,
  "dare-linear": dareLinear,
  "dare-ties": dareTies,
  passthrough,
  "model-soup": modelSoup,
};
