/** What some versions stored though it follows from config.json. */
const COMPUTED = /(?:^|\.)(?:rotary_emb\.inv_freq|masked_bias)$/u;

/** @param name of a tensor that is neither trained nor merged */
export function isComputed(name: string): boolean {
  return COMPUTED.test(name);
}
