import type { PeftKind } from "../kind.ts";
import { tokensFact, virtualContents } from "./prompt-tuning.ts";

export const PREFIX_TUNING: PeftKind = {
  name: "PREFIX_TUNING",
  hasVirtualTokens: true,
  title: () => "Prefix tuning",
  facts: (config) => [tokensFact(config)],
  contents: virtualContents,
};
