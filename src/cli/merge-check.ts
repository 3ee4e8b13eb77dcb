/** After a merge: does the merged model say what base and adapter say? */
import type { Example } from "../data/example.ts";
import { loadTokenizer } from "../data/tokenizer.ts";
import { openBaseModel } from "../models/base-model.ts";
import { type Evaluation, evaluateExamples } from "../trainer/evaluate.ts";
import { openEvaluationEngine } from "../trainer/onnx-engine.ts";
import { errorMessage } from "../util/errors.ts";

/** Any text would do: both read the same. */
const SAMPLES = [
  "The river runs from the mountains to the sea, and on its way it turns the wheels of old mills.",
  "To be, or not to be, that is the question.",
  "def area(width, height):\n    return width * height",
  "1, 1, 2, 3, 5, 8, 13, 21",
];
const MAX_TOKENS = 64;

interface Merged {
  baseDir: string;
  adapterDir: string;
  outDir: string;
}

/** What the check found, in a line; also where a model is of a kind that can be merged but not run. */
export async function checkMerge(merged: Merged): Promise<string> {
  try {
    return await compare(merged);
  } catch (error) {
    return `merged, but not checked on sample texts: ${errorMessage(error)}`;
  }
}

/**
 * Both models' loss and share of right next tokens on a few texts, in a line. They differ by what the
 * base's number format rounds away.
 */
async function compare({ baseDir, adapterDir, outDir }: Merged): Promise<string> {
  const tokenizer = await loadTokenizer(baseDir);
  const { maxPositions } = (await openBaseModel(baseDir)).architecture;
  const maxLength = Math.min(MAX_TOKENS, maxPositions);
  const examples = SAMPLES.map((text, index): Example => {
    const ids = Int32Array.from(tokenizer.encode(text)).subarray(0, maxLength);
    const counted = Uint8Array.from(ids, (_, at) => Number(at > 0));
    return { ids, counted, line: index + 1 };
  }).filter(({ ids }) => ids.length > 1);
  const evaluated = async (model: {
    baseDir: string;
    adapterDir?: string;
  }): Promise<Evaluation> => {
    const engine = await openEvaluationEngine({ ...model, maxLength });
    try {
      return await evaluateExamples(engine, examples);
    } finally {
      await engine.dispose();
    }
  };
  const apart = await evaluated({ baseDir, adapterDir });
  const merged = await evaluated({ baseDir: outDir });
  const figures = ({ loss, accuracy }: Evaluation): string =>
    `loss ${loss.toFixed(4)}, ${(100 * accuracy).toFixed(1)} % of next tokens right`;
  return `checked on ${apart.tokens} tokens of sample texts: merged ${figures(merged)}; base + adapter ${figures(apart)}`;
}
