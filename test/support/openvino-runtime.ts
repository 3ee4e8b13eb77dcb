/**
 * The OpenVINO that tests load. `npm test` finds or fetches one (.ci/openvino.mjs) and keeps it from all other tests;
 * a test file that is run alone takes what RETUNE_OPENVINO names.
 */
import { OpenvinoCore } from "../../src/openvino/core.ts";
import { locateOpenvino } from "../../src/openvino/locate.ts";
import type { OpenvinoTarget } from "../../src/onnx-engine/openvino-session.ts";
import type { Precision } from "../../src/protocol/engines/onnx.ts";

const VARIABLE = "RETUNE_OPENVINO";

export interface TestedOpenvino {
  /** Why there is none, for tests that need it; false where there is one. */
  skip: string | false;
  /** The same, for tests in bfloat16. */
  skipBfloat16: string | false;
  target(precision: Precision): OpenvinoTarget;
}

/** Loads it, and names it to the processes that this test file starts. */
export async function testedOpenvino(): Promise<TestedOpenvino> {
  const folder = process.env["RETUNE_TESTS_OPENVINO"] ?? process.env[VARIABLE];
  if (folder === undefined || folder === "" || folder === "off") {
    return without(process.env["RETUNE_TESTS_NO_OPENVINO"] ?? `${VARIABLE} names no OpenVINO`);
  }
  process.env[VARIABLE] = folder;
  const lines: string[] = [];
  const runtime = await locateOpenvino({ folder, log: (line) => lines.push(line) });
  if (runtime?.source !== "named") throw new Error(`no OpenVINO in ${folder}: ${lines.join("; ")}`);
  const core = await OpenvinoCore.open(runtime);
  const hasUnits = core.capabilities("CPU").includes("BF16");
  return {
    skip: false,
    skipBfloat16: hasUnits ? false : "this processor has no bfloat16 units",
    target: (precision) => ({ core, version: runtime.version, device: "CPU", precision }),
  };
}

function without(skip: string): TestedOpenvino {
  const target = (): never => {
    throw new Error(skip);
  };
  return { skip, skipBfloat16: skip, target };
}
