/** Fetches what is not in the package, since not everybody wants it. */
import { stopOnSignals } from "../run-folder/stop-request.ts";
import { installOpenvino } from "../openvino/install.ts";
import { InputError } from "../util/errors.ts";
import { type Command, parseArguments } from "./command.ts";
import { sourceText } from "./doctor-text.ts";
import { print, printError } from "./output.ts";

const OPENVINO = "openvino";

export const installCommand: Command = {
  usage: "install openvino [--gpu] [--wheel FILE]",
  summary: "the runtime for bfloat16 on processors, into the user's cache",
  help: `  openvino      OpenVINO's libraries; retune doctor tells what they gain here, and how large they are. One
                that is on this machine is used: the folder in RETUNE_OPENVINO, a Python environment's,
                the system's. Else uv or pip fetch the wheel, as they are configured; only libraries that
                we have tested are taken from it, and no Python is needed to run them
  --gpu         the plugin for Intel's graphics, too
  --wheel FILE  take them from this wheel, where neither uv nor pip reach an index

  RETUNE_OPENVINO=off has none looked for, whatever is there.
  RETUNE_CACHE names another folder than ~/.cache/retune`,
  run: async (args) => {
    const { values, positionals } = parseArguments(args, {
      options: { gpu: { type: "boolean" }, wheel: { type: "string" } },
      positionals: ["openvino"],
    });
    const [what] = positionals;
    if (what !== OPENVINO) {
      throw new InputError(`retune install knows ${OPENVINO}, found "${what}"`);
    }
    const { stop } = stopOnSignals();
    try {
      const { runtime, isNew } = await installOpenvino({
        gpu: values.gpu ?? false,
        wheelFile: values.wheel,
        signal: stop,
        log: printError,
      });
      const { version, dir } = runtime;
      print(
        isNew
          ? `OpenVINO ${version} is installed: ${dir}`
          : `OpenVINO ${version} is on this machine: ${dir} (${sourceText(runtime.source)}); nothing was fetched`,
      );
      return 0;
    } catch (error) {
      if (!stop.aborted) throw error;
      printError("stopped; nothing was installed");
      return 1;
    }
  },
};
