import { readInterpolation, type Interpolation } from "../../runs/interpolations/interpolation.ts";
import { InputError } from "../../util/errors.ts";
import type { App } from "../app.ts";
import { pickOne } from "../ask/wizard.ts";
import { sayInformation } from "../say.ts";
import { describeInterpolation } from "../interpolation-text.ts";
import { asRow } from "../views/rows.ts";

export interface InterpolationQuestion {
  placeholder: string;
  accepts: (interpolation: Interpolation) => boolean;
  /** Said when no interpolation is acceptable. */
  none: string;
}

/** The interpolation that the argument names, else the only one that it can mean, else the one that the user picks. */
export async function interpolationFrom(
  app: App,
  argument: unknown,
  { placeholder, accepts, none }: InterpolationQuestion,
): Promise<Interpolation | undefined> {
  const row = asRow(argument);
  const dir = row?.kind === "interpolation" ? row.interpolationDir : argument;
  if (typeof dir === "string" && dir !== "") {
    const interpolation = app.interpolations.get(dir) ?? (await readInterpolation(dir));
    if (interpolation === undefined)
      throw new InputError(`${dir} is not an interpolation folder (no state.json)`);
    return interpolation;
  }
  await app.interpolations.refresh();
  const interpolations = app.interpolations.items().filter(accepts);
  if (interpolations.length === 0) {
    void sayInformation(none);
    return undefined;
  }
  if (interpolations.length === 1) return interpolations[0];
  return pickOne("", {
    placeHolder: placeholder,
    choices: () =>
      interpolations.map((interpolation) => ({
        label: interpolation.name,
        description: describeInterpolation(interpolation),
        value: interpolation,
      })),
  });
}
