import path from "node:path";
import type { BaseKind } from "./base-kind.ts";

/** A model.json of TensorFlow.js. Known so that it is refused by name: no family computes it yet. */
export const tfjs: BaseKind = {
  name: "tfjs",
  isAt: (file) => path.basename(file) === "model.json",
};
