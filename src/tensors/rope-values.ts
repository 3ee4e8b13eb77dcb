/** What config.json says of rotary positions: transformers 4 wrote rope_scaling beside rope_theta, 5 writes rope_parameters. */

/** As transformers 5 reads both: rope_scaling counts where it says anything, and not a key of rope_parameters then. */
export function ropeValues<T extends object>(config: {
  rope_scaling?: T | null | undefined;
  rope_parameters?: T | null | undefined;
}): Partial<T> {
  const { rope_scaling: scaling, rope_parameters: parameters } = config;
  if (scaling && Object.keys(scaling).length > 0) return scaling;
  return parameters ?? {};
}
