// The OpenVINO that the tests of bfloat16 load: what RETUNE_OPENVINO names, or what our own installer finds or
// fetches, into out/openvino. Without one those tests are skipped, and say why.
import path from "node:path";
import { tsImport } from "tsx/esm/api";
import { root } from "./install.mjs";

const PATIENCE_MS = 180_000;
/** An index that does not answer is not waited for. */
const CLIENT_ENV = { PIP_RETRIES: "1", PIP_TIMEOUT: "10", UV_HTTP_TIMEOUT: "10" };

/** @returns {Promise<Record<string, string>>} for test/support/openvino-runtime.ts */
export async function openvinoEnv() {
  const named = process.env.RETUNE_OPENVINO;
  if (named === "off") return { RETUNE_TESTS_NO_OPENVINO: "RETUNE_OPENVINO is off" };
  if (named) return { RETUNE_TESTS_OPENVINO: named };
  try {
    const load = (file) => tsImport(path.join(root, file), import.meta.url);
    const { installOpenvino } = await load("src/openvino/install.ts");
    const { thisMachine } = await load("src/openvino/machine.ts");
    const machine = thisMachine();
    const { runtime } = await installOpenvino({
      cacheDir: path.join(root, "out/openvino"),
      machine: { ...machine, env: { ...CLIENT_ENV, ...machine.env } },
      signal: AbortSignal.timeout(PATIENCE_MS),
      log: (line) => console.log(line),
    });
    return { RETUNE_TESTS_OPENVINO: runtime.dir };
  } catch (error) {
    return { RETUNE_TESTS_NO_OPENVINO: error.message.replaceAll(/\s+/gu, " ") };
  }
}
