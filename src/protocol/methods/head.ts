import * as z from "zod";
import type { Contradiction, MethodFacts, RecipeAround } from "../method.ts";
import { ALL_TENSORS } from "./base-layers.ts";

const schema = z.strictObject({
  type: z
    .literal("head")
    .describe("Linear probe: trains objective classification's new head and nothing else."),
});

export const head = {
  name: "head",
  schema,
  ofBase: "head",
  startsAsBase: true,
  choices: [
    {
      label: "Head",
      description: "linear probe: labels rows",
      detail:
        "Trains a new head that labels rows, on the untouched base: seconds, and the figure to beat.",
      place: 110,
      recipe: { method: { type: "head" } },
      labels: "head",
    },
  ],
  word: () => "head",
  text: ({ type }) => type,
  title: () => "Linear probe",
  settings: ({ type }) => [{ label: "Method", value: type }],
  // A linear layer on features: the base's size says nothing.
  learningRate: () => ({ large: 1e-3, tiny: 1e-3 }),
  // A head alone passes each row through the base once; its epochs cost nothing.
  epochs: 20,
  layers: () => ALL_TENSORS,
  contradiction,
} as const satisfies MethodFacts<z.output<typeof schema>, z.input<typeof schema>>;

function contradiction(
  _method: unknown,
  { labelsRows, probesHead }: RecipeAround,
): Contradiction | undefined {
  if (!labelsRows) {
    const message = "method head trains a classification head; choose objective classification";
    return { keys: ["method"], message };
  }
  if (!probesHead) return undefined;
  const message = "objective.probe and method head train the same head; keep one";
  return { keys: ["objective", "probe"], message };
}
