import type { BaseKind } from "./base-kind.ts";

/** A graph of its own. Known so that it is refused by name: no family computes it yet. */
export const onnx: BaseKind = {
  name: "onnx",
  isAt: (path) => /\.onnx$/iu.test(path),
};
