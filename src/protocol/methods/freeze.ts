import * as z from "zod";
import type { MethodFacts } from "../method.ts";
import { ALL_TENSORS, chosenLayers } from "./base-layers.ts";

const schema = z.strictObject({
  type: z
    .literal("freeze")
    .describe(
      "Trains a part of the base and nothing else: the part that freeze, trainFirst and trainLast leave.",
    ),
});

export const freeze = {
  name: "freeze",
  schema,
  ofBase: "part",
  startsAsBase: true,
  choices: [
    {
      label: "Freeze",
      description: "the last two blocks",
      detail:
        "Trains a part of the model itself, here its last blocks: little memory, a whole model out.",
      place: 90,
      recipe: { method: { type: "freeze" }, trainLast: 2 },
    },
  ],
  word: () => "freeze",
  text: ({ type }) => type,
  title: () => "Frozen in part",
  settings: ({ type }) => [{ label: "Method", value: type }],
  // A few blocks stand larger steps than the whole.
  learningRate: () => ({ large: 2e-5, tiny: 7e-4 }),
  layers: () => ALL_TENSORS,
  contradictions: (recipe) => {
    if (chosenLayers(recipe).length > 0) return [];
    const message = "method freeze needs freeze, trainFirst or trainLast to say what is trained";
    return [{ keys: ["method"], message }];
  },
} as const satisfies MethodFacts<z.output<typeof schema>, z.input<typeof schema>>;
