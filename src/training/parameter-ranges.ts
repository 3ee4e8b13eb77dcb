/** Which learning rate and weight decay each trained tensor gets. */
import { methodFacts } from "../protocol/methods.ts";
import type { Recipe } from "../protocol/recipe.ts";
import { InputError } from "../util/errors.ts";
import { outline, tensorPattern } from "../util/tensor-patterns.ts";
import type { Trainable } from "../objectives/engine.ts";
import type { ParameterRange } from "./optimizer.ts";

/**
 * @throws InputError for a pattern of `learningRates` that matches nothing that is trained
 */
export function parameterRanges(
  trainables: readonly Trainable[],
  {
    method,
    optimizer,
  }: { method: Recipe["method"]; optimizer: Recipe["optimizer"] & { learningRate: number } },
): ParameterRange[] {
  const { learningRate, learningRates = {} } = optimizer;
  const rules = Object.entries(learningRates).map(([text, rate]) => ({
    text,
    pattern: tensorPattern(text),
    rate: rate / learningRate,
  }));
  const idle = rules.find(({ pattern }) => !trainables.some(({ name }) => pattern.test(name)));
  if (idle) {
    const names = trainables.map(({ name }) => name);
    throw new InputError(
      `optimizer.learningRates "${idle.text}" matches nothing that is trained; there is ${outline(names)}`,
    );
  }
  const facts = methodFacts(method);
  return trainables.map(({ name, shape, offset, length }) => ({
    start: offset,
    end: offset + length,
    // Norms and biases are not decayed, as in transformers' Trainer.
    decays: shape.length > 1,
    rate:
      rules.findLast(({ pattern }) => pattern.test(name))?.rate ??
      facts.rateOf?.(method, { name, shape }) ??
      1,
  }));
}
