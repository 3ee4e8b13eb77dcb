import { readSweep, type Sweep } from "../../runs/sweeps/sweep.ts";
import { InputError } from "../../util/errors.ts";
import type { App } from "../app.ts";
import { pickOne } from "../ask/wizard.ts";
import { sayInformation } from "../say.ts";
import { describeSweep } from "../sweep-text.ts";
import { asRow } from "../views/rows.ts";

export interface SweepQuestion {
  placeholder: string;
  accepts: (sweep: Sweep) => boolean;
  /** Said when no sweep is acceptable. */
  none: string;
}

/** The sweep that the argument names, else the only one that it can mean, else the one that the user picks. */
export async function sweepFrom(
  app: App,
  argument: unknown,
  { placeholder, accepts, none }: SweepQuestion,
): Promise<Sweep | undefined> {
  const row = asRow(argument);
  const dir = row?.kind === "sweep" ? row.sweepDir : argument;
  if (typeof dir === "string" && dir !== "") {
    const sweep = app.sweeps.get(dir) ?? (await readSweep(dir));
    if (sweep === undefined) throw new InputError(`${dir} is not a sweep folder (no state.json)`);
    return sweep;
  }
  await app.sweeps.refresh();
  const sweeps = app.sweeps.items().filter(accepts);
  if (sweeps.length === 0) {
    void sayInformation(none);
    return undefined;
  }
  if (sweeps.length === 1) return sweeps[0];
  return pickOne("", {
    placeHolder: placeholder,
    choices: () =>
      sweeps.map((sweep) => ({
        label: sweep.name,
        description: describeSweep(sweep),
        value: sweep,
      })),
  });
}
