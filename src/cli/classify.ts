import path from "node:path";
import { readRows } from "../data/rows/read-rows.ts";
import { textBlocks } from "../data/rows/text-blocks.ts";
import { resolveBase } from "../bases/load-base.ts";
import { isDataFile } from "../protocol/data-files.ts";
import { InputError } from "../util/errors.ts";
import { type Classified, type PlacedText, classify } from "../evaluation/classify-texts.ts";
import { type Command, numberOption, parseArguments } from "./command.ts";
import {
  DEVICE_CHOICES,
  PRECISION_CHOICES,
  deviceOption,
  precisionOption,
} from "./device-option.ts";
import { DEFAULT_MAX_LENGTH } from "../evaluation/evaluate-file.ts";
import { hasReader, print, printError } from "./output.ts";
import { textTable } from "./text-table.ts";

const DEFAULT_TOP = 10;
/** Texts that are in memory at a time. */
const CHUNK = 1024;

export const classifyCommand: Command = {
  usage: "classify BASE [--adapter DIR] --text TEXT … | --file FILE [--json]",
  summary: "labels of texts, with their probabilities",
  help: `  BASE             a classifier's folder, or the base of an adapter with a classifier's head
  --adapter DIR    an adapter: a folder of PEFT's, or of ReFT's
  --text TEXT      a text to label; several times for several
  --file FILE      texts to label: a data file whose rows have "text", or a text a line
  --top N          print so many labels of each text, the likeliest first (default: ${DEFAULT_TOP}, all with --json)
  --max-length N   longest text in tokens, the rest is cut off (default: ${DEFAULT_MAX_LENGTH}, or what the model allows)
  --device DEVICE  ${DEVICE_CHOICES} (default: auto)
  --precision P    ${PRECISION_CHOICES} (default: float32)
  --json           a JSON object a line: {"text", "labels", "scores": [{"label", "probability"}]};
                   of regression {"text", "value"}

Of a classifier of one label the probabilities add up to 1. Of one of several labels each stands for
itself, and those above one half are given.`,
  run: async (args) => {
    const { values, positionals } = parseArguments(args, {
      options: {
        adapter: { type: "string" },
        text: { type: "string", multiple: true },
        file: { type: "string" },
        top: { type: "string" },
        "max-length": { type: "string" },
        device: { type: "string", default: "auto" },
        precision: { type: "string", default: "float32" },
        json: { type: "boolean", default: false },
      },
      positionals: ["BASE"],
    });
    const { text = [], file, json, adapter: adapterDir } = values;
    if (text.length === 0 && file === undefined) {
      throw new InputError("--text TEXT or --file FILE is missing");
    }
    const top = numberOption("top", values.top, { min: 1, integer: true });
    const maxLength = numberOption("max-length", values["max-length"], { min: 1, integer: true });
    const device = deviceOption(values.device);
    const precision = precisionOption(values.precision);
    const baseDir = await resolveBase(path.resolve(positionals[0] ?? ""), printError);
    const options = { baseDir, adapterDir, maxLength, device, precision, log: printError };
    await classify(options, chunksOf(textsOf(text, file)), (one) => {
      if (!hasReader()) process.exit(0);
      if (json) print(JSON.stringify(withTop(one, top)));
      else for (const line of inLines(withTop(one, top ?? DEFAULT_TOP))) print(line);
    });
    return 0;
  },
};

function withTop(one: Classified, top: number | undefined): Classified {
  return "scores" in one ? { ...one, scores: one.scores.slice(0, top) } : one;
}

const MAX_SHOWN = 72;

function inLines(one: Classified): string[] {
  const line = one.text.replaceAll(/\s+/gu, " ").trim();
  const shown = line.length <= MAX_SHOWN ? line : `${line.slice(0, MAX_SHOWN - 1)}…`;
  if ("value" in one) return [`${one.value.toFixed(4)}  ${shown}`];
  const cells = one.scores.map(({ label, probability }) => [
    `  ${one.labels.includes(label) ? "*" : " "} ${label}`,
    probability.toFixed(4),
  ]);
  return [shown, ...textTable(cells).split("\n")];
}

async function* textsOf(
  texts: readonly string[],
  file: string | undefined,
): AsyncGenerator<PlacedText> {
  for (const text of texts) yield { text, place: "--text" };
  if (file === undefined) return;
  yield* isDataFile(file) ? rowTexts(file) : lineTexts(file);
}

async function* rowTexts(file: string): AsyncGenerator<PlacedText> {
  for await (const { value, line } of readRows(file)) {
    const { text } = value;
    const place = `${file}:${line}`;
    if (typeof text !== "string" || text === "") {
      throw new InputError(`${place}: "text" is missing or empty; expected a text`);
    }
    yield { text, place };
  }
}

async function* lineTexts(file: string): AsyncGenerator<PlacedText> {
  for await (const { text: block, firstLine } of textBlocks(file)) {
    for (const [index, text] of block.split(/\r?\n/u).entries()) {
      if (text.trim() !== "") yield { text, place: `${file}:${firstLine + index}` };
    }
  }
}

async function* chunksOf<Item>(items: AsyncIterable<Item>): AsyncGenerator<Item[]> {
  let chunk: Item[] = [];
  for await (const item of items) {
    chunk.push(item);
    if (chunk.length < CHUNK) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}
