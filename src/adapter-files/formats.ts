/** The formats that adapters come in: one line each. */
import { Registry } from "../util/registry.ts";
import type { AdapterFormat } from "./format.ts";
import { GGUF_ADAPTER } from "./gguf-adapter.ts";
import { PEFT } from "./peft/summary.ts";
import { REFT } from "./reft/summary.ts";

export const ADAPTER_FORMATS = new Registry<AdapterFormat>("adapter format", [GGUF_ADAPTER, REFT]);

/** What no other format owns is taken for PEFT's, which says best what is wrong with it. */
export async function formatOf(place: string): Promise<AdapterFormat> {
  for (const format of ADAPTER_FORMATS.all) if (await format.owns(place)) return format;
  return PEFT;
}
