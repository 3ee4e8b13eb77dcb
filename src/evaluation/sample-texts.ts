/** What a model answers on a few texts: enough to see whether it is what it should be. */
import type { Example } from "../data/example.ts";
import type { Tokenizer } from "../data/tokenizer.ts";
import { openBaseModel } from "../models/base-model.ts";
import { evaluateExamples } from "../objectives/evaluate-examples.ts";
import { openEvaluationEngine } from "../onnx-engine/onnx-engine.ts";
import { openTextGenerator } from "../onnx-engine/text-generator.ts";
import { InputError } from "../util/errors.ts";
import { logSumExp } from "./logit-difference.ts";

/** Any text would do: all models read the same. */
const SAMPLES = [
  "The river runs from the mountains to the sea, and on its way it turns the wheels of old mills.",
  "To be, or not to be, that is the question.",
  "def area(width, height):\n    return width * height",
  "1, 1, 2, 3, 5, 8, 13, 21",
];
const MAX_TOKENS = 64;

export interface AnsweringModel {
  baseDir: string;
  adapterDir?: string;
}

export interface Logits {
  /** [count, width] */
  logits: Float32Array;
  width: number;
}

export interface TokenLogits extends Logits {
  /** The tokens of each text, whose logits follow one another. */
  texts: readonly (readonly number[])[];
}

/** After each token of each text, [tokens,V]. */
export async function tokenLogits(
  model: AnsweringModel,
  tokenizer: Tokenizer,
): Promise<TokenLogits> {
  const generator = await openTextGenerator(model);
  try {
    const { maxPositions } = (await openBaseModel(model.baseDir)).architecture;
    const parts: Float32Array[] = [];
    const texts: number[][] = [];
    for (const text of SAMPLES) {
      const ids = (await tokenizer.encode(text)).slice(0, Math.min(MAX_TOKENS, maxPositions - 1));
      if (ids.length === 0) continue;
      parts.push(await generator.logits(ids));
      texts.push(ids);
    }
    if (texts.length === 0) {
      throw new InputError("the tokenizer makes no token of any sample text");
    }
    const logits = joined(parts);
    return { logits, width: logits.length / texts.flat().length, texts };
  } finally {
    await generator.dispose();
  }
}

/** Mean of −log p over the tokens that follow one, in nats. @throws InputError where no text has two tokens */
export function nextTokenLoss({ logits, width, texts }: TokenLogits): {
  loss: number;
  tokens: number;
} {
  let [sum, tokens, row] = [0, 0, 0];
  for (const ids of texts) {
    for (const next of ids.slice(1)) {
      const own = logits.subarray(row * width, (row + 1) * width);
      sum += logSumExp(own) - (own[next] ?? Number.NaN);
      tokens++;
      row++;
    }
    // Nothing follows a text's last token.
    row++;
  }
  if (tokens === 0) throw new InputError("no sample text has two tokens");
  return { loss: sum / tokens, tokens };
}

/** The logits of each text, [texts, labels]; what its label is does not matter. */
export async function labelLogits(model: AnsweringModel, tokenizer: Tokenizer): Promise<Logits> {
  const engine = await openEvaluationEngine({ ...model, maxLength: MAX_TOKENS });
  try {
    const isMulti = engine.classifier?.problem === "multi-label";
    const texts = await tokenizer.encodeBatch(SAMPLES);
    const examples = texts.map((text, index): Example => {
      const ids = Int32Array.from(text.ids.slice(0, MAX_TOKENS));
      const weights = Float32Array.from(ids, (_, at) => Number(at === ids.length - 1));
      return { ids, weights, line: index + 1, label: isMulti ? [] : 0 };
    });
    const { answers } = await evaluateExamples(engine, examples);
    const sorted = answers.toSorted((a, b) => a.example.line - b.example.line);
    const logits = joined(sorted.map((answer) => answer.logits));
    return { logits, width: logits.length / sorted.length };
  } finally {
    await engine.dispose();
  }
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
