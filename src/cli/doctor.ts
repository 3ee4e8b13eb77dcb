import { type Command, parseArguments } from "./command.ts";
import { machineFacts } from "./doctor-facts.ts";
import { doctorLines } from "./doctor-text.ts";
import { print } from "./output.ts";

export const doctorCommand: Command = {
  usage: "doctor [--json]",
  summary: "what this machine has for training, and what it could have",
  help: `  --json    the same as one JSON object

  tells processor, memory, ONNX Runtime's devices, OpenVINO and the cache; changes nothing`,
  run: async (args) => {
    const { values } = parseArguments(args, {
      options: { json: { type: "boolean" } },
      positionals: [],
    });
    const facts = await machineFacts();
    if (values.json) print(JSON.stringify(facts));
    else for (const line of doctorLines(facts)) print(line);
    return 0;
  },
};
