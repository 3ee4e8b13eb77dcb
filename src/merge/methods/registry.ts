/** The merge methods by name; what they are called and read is in protocol/merge-methods.ts. */
import type { MethodName } from "../../protocol/merge-methods.ts";
import { arceeFusion } from "./arcee-fusion.ts";
import { breadcrumbs } from "./breadcrumbs.ts";
import { breadcrumbsTies } from "./breadcrumbs-ties.ts";
import { dareLinear } from "./dare-linear.ts";
import { dareTies } from "./dare-ties.ts";
import { della } from "./della.ts";
import { dellaLinear } from "./della-linear.ts";
import { karcher } from "./karcher.ts";
import { linear } from "./linear.ts";
import type { Method } from "./method.ts";
import { modelSoup } from "./model-soup.ts";
import { modelStock } from "./model-stock.ts";
import { multislerp } from "./multislerp.ts";
import { nearswap } from "./nearswap.ts";
import { nuslerp } from "./nuslerp.ts";
import { passthrough } from "./passthrough.ts";
import { sce } from "./sce.ts";
import { slerp } from "./slerp.ts";
import { taskArithmetic } from "./task-arithmetic.ts";
import { ties } from "./ties.ts";

export const METHODS: Readonly<Record<MethodName, Method>> = {
  linear,
  slerp,
  nuslerp,
  multislerp,
  karcher,
  "task-arithmetic": taskArithmetic,
  ties,
  "dare-linear": dareLinear,
  "dare-ties": dareTies,
  della,
  "della-linear": dellaLinear,
  breadcrumbs,
  "breadcrumbs-ties": breadcrumbsTies,
  sce,
  "model-stock": modelStock,
  nearswap,
  "arcee-fusion": arceeFusion,
  passthrough,
  "model-soup": modelSoup,
};
