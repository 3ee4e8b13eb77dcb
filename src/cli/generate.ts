import path from "node:path";
import { StreamDecoder } from "../data/stream-decoder.ts";
import { type Tokenizer, loadTokenizer } from "../data/tokenizer.ts";
import { resolveBase } from "../bases/load-base.ts";
import { openDevice } from "../onnx-engine/device-check.ts";
import { openTextGenerator } from "../onnx-engine/text-generator.ts";
import { tokenizerPlace } from "../adapter-files/tokenizer-place.ts";
import { InputError } from "../util/errors.ts";
import { type Command, numberOption, parseArguments } from "./command.ts";
import { hasReader, printError, printGenerated } from "./output.ts";
import {
  DEVICE_CHOICES,
  PRECISION_CHOICES,
  deviceOption,
  precisionOption,
} from "./device-option.ts";

const DEFAULT_MAX_TOKENS = 256;

interface Prompt {
  prompt: string;
  system: string | undefined;
  isRaw: boolean;
}

async function promptIds(
  { prompt, system, isRaw }: Prompt,
  tokenizer: Tokenizer,
): Promise<readonly number[]> {
  const { chatTemplate } = tokenizer;
  if (isRaw || !chatTemplate) {
    if (system !== undefined) {
      throw new InputError(
        "--system needs the model's chat template; it has none, or --raw leaves it out",
      );
    }
    return tokenizer.encode(prompt);
  }
  const messages = [
    ...(system === undefined ? [] : [{ role: "system", content: system }]),
    { role: "user", content: prompt },
  ];
  const text = await chatTemplate.renderPrompt(messages);
  await chatTemplate.close();
  return tokenizer.encode(text, { addSpecialTokens: false });
}

export const generateCommand: Command = {
  usage: "generate BASE [--adapter DIR] --prompt TEXT",
  summary: "write what the model answers",
  help: `  BASE             a Hugging Face folder or a .gguf file
  --adapter DIR    an adapter: a folder of PEFT's, or of ReFT's
  --prompt TEXT    a user's message, put into the model's chat template
  --system TEXT    a system message before it
  --raw            continue the text as it is, without chat template
  --max-tokens N   at most so many new tokens (default: ${DEFAULT_MAX_TOKENS})
  --temperature T  0 takes the most likely token (default: 0)
  --top-p P        nucleus sampling: the likeliest tokens that make up P
  --seed S         of the sampling (default: 0)
  --device DEVICE  ${DEVICE_CHOICES} (default: auto)
  --precision P    ${PRECISION_CHOICES} (default: float32)`,
  run: async (args) => {
    const { values, positionals } = parseArguments(args, {
      options: {
        adapter: { type: "string" },
        prompt: { type: "string" },
        system: { type: "string" },
        raw: { type: "boolean", default: false },
        "max-tokens": { type: "string" },
        temperature: { type: "string" },
        "top-p": { type: "string" },
        seed: { type: "string" },
        device: { type: "string", default: "auto" },
        precision: { type: "string", default: "float32" },
      },
      positionals: ["BASE"],
    });
    const { prompt, system, raw: isRaw, adapter: adapterDir } = values;
    if (prompt === undefined) throw new InputError("--prompt TEXT is missing");
    const count = (name: "max-tokens" | "seed", min: number): number | undefined =>
      numberOption(name, values[name], { min, integer: true });
    const topP = numberOption("top-p", values["top-p"], { min: 0 });
    if (topP !== undefined && topP > 1) throw new InputError(`--top-p must be at most 1`);
    const options = {
      maxTokens: count("max-tokens", 1) ?? DEFAULT_MAX_TOKENS,
      temperature: numberOption("temperature", values.temperature, { min: 0 }) ?? 0,
      topP,
      seed: count("seed", 0) ?? 0,
    };
    const wish = deviceOption(values.device);
    const precision = precisionOption(values.precision);
    const baseDir = await resolveBase(path.resolve(positionals[0] ?? ""), printError);
    const place = await tokenizerPlace(baseDir, adapterDir);
    if (place.note !== undefined) printError(place.note);
    const tokenizer = await loadTokenizer(baseDir, place);
    const ids = await promptIds({ prompt, system, isRaw }, tokenizer);
    const log = printError;
    const device = await openDevice(wish, { purpose: "inference", precision, log });
    const generator = await openTextGenerator({ baseDir, adapterDir, device, log });
    try {
      const decoder = new StreamDecoder(tokenizer);
      const stopIds = tokenizer.eosTokenIds;
      await generator.generate(ids, { ...options, stopIds }, (id) => {
        if (!hasReader()) process.exit(0);
        printGenerated(decoder.push(id));
      });
      printGenerated(`${decoder.end()}\n`);
    } finally {
      await generator.dispose();
    }
    return 0;
  },
};
