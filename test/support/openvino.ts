import { type OpenvinoRuntime, locateOpenvino } from "../../src/openvino/locate.ts";

const found = await locateOpenvino();

/** For a test's options: why it can't run here, or false. */
export const withoutOpenvino: string | false = found
  ? false
  : "needs OpenVINO: RETUNE_OPENVINO names its folder, or `retune install openvino`";

export function openvinoHere(): OpenvinoRuntime {
  if (!found) throw new Error("a test that needs OpenVINO must be skipped where it is not");
  return found;
}
