import type { TensorInfo } from "../../tensors/safetensors.ts";
import type { PeftFolder } from "./folder.ts";
import { PEFT_KINDS } from "./kinds.ts";
import { PEFT_SCORE, PEFT_SCORE_OF_PROMPT } from "./others.ts";

export function peftScoreName(peftType: string): string {
  return PEFT_KINDS.find(peftType)?.hasVirtualTokens ? PEFT_SCORE_OF_PROMPT : PEFT_SCORE;
}

/** The classification head [labels, C] that an adapter brings along. */
export function peftScore({ config, tensors }: PeftFolder): TensorInfo | undefined {
  return config.task_type === "SEQ_CLS" ? tensors.get(peftScoreName(config.peft_type)) : undefined;
}
