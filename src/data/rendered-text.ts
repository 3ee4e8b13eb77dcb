import type { Span } from "./tokenised-text.ts";

/** A row as the model reads it, before it is cut into tokens. */
export interface RenderedText {
  text: string;
  /** What is trained, [start, end) in UTF-16 units. */
  spans: readonly Span[];
  /** Whether the tokenizer adds BOS and the like; a chat template prints them itself. */
  addSpecialTokens: boolean;
  /** Whether the end of text is added and trained, where the text does not end with it. */
  addEos: boolean;
}
