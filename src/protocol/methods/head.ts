import * as z from "zod";
import type { MethodFacts } from "../method.ts";
import { headObjectives, trainsHead } from "../objectives.ts";
import type { SharedRecipe } from "../recipe-keys.ts";
import { ALL_TENSORS } from "./base-layers.ts";

const schema = z.strictObject({
  type: z
    .literal("head")
    .describe("Linear probe: trains the objective's new head and nothing else."),
});

interface ProbedRecipe {
  objective: { probe?: unknown };
}

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
  contradictions: ({ objective }: Pick<SharedRecipe, "objective"> & ProbedRecipe) => {
    if (!trainsHead(objective)) {
      const message = `method head trains a classification head; choose objective ${headObjectives()}`;
      return [{ keys: ["method"], message }];
    }
    if (!objective.probe) return [];
    const message = "objective.probe and method head train the same head; keep one";
    return [{ keys: ["objective", "probe"], message }];
  },
} as const satisfies MethodFacts<z.output<typeof schema>, z.input<typeof schema>>;
