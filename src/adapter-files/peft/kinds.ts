/** The values of `peft_type` that Retune knows: one line each. */
import { Registry } from "../../util/registry.ts";
import type { PeftKind } from "./kind.ts";
import { IA3 } from "./kinds/ia3.ts";
import { LORA } from "./kinds/lora.ts";
import { PREFIX_TUNING } from "./kinds/prefix-tuning.ts";
import { PROMPT_TUNING, P_TUNING } from "./kinds/prompt-tuning.ts";

export const PEFT_KINDS = new Registry<PeftKind>("peft_type", [
  LORA,
  IA3,
  PROMPT_TUNING,
  P_TUNING,
  PREFIX_TUNING,
]);
