import { runCli } from "../../util/run-cli.ts";
import type { App } from "../app.ts";
import { sayInformation } from "../say.ts";
import { requireTrust } from "../trust.ts";
import { withCancel } from "./with-cancel.ts";

/** OpenVINO, by `retune install openvino`: its package client runs under that process, and ends with it. */
export async function installRuntime({ programs, log }: App): Promise<boolean> {
  requireTrust();
  let said = "";
  const done = await withCancel("Installing the bfloat16 runtime", (signal, report) =>
    runCli({
      cliPath: programs.cli,
      args: ["install", "openvino"],
      signal,
      onOutput: (text) => (said += text),
      onProgress: (line) => {
        log.info(line);
        report(line);
      },
    }),
  );
  if (!done) return false;
  log.info(said.trim());
  void sayInformation(said.trim());
  return true;
}
