/** Which parts of a conversation's text the assistant wrote. */
import { InputError } from "../util/errors.ts";
import type { ChatTemplate } from "./chat-template.ts";
import type { Message } from "./formats.ts";
import type { Span } from "./tokenised-text.ts";

/**
 * Text of a conversation and the spans the assistant wrote, each with the end-of-turn mark that the
 * template puts after it. Where the template marks its own ({% generation %}), those; else what
 * rendering one message more adds after the generation prompt.
 * @throws InputError when the template renders earlier turns differently once later ones follow, so
 *   that nobody can say which tokens are the assistant's
 */
export function assistantSpans(
  template: ChatTemplate,
  messages: readonly Message[],
  tools?: unknown,
): { text: string; spans: readonly Span[] } {
  const whole = template.render(messages, { tools });
  if (whole.spans) return { text: whole.text, spans: whole.spans };
  const spans = messages.flatMap((message, index): Span[] => {
    if (message.role !== "assistant") return [];
    const before = template.render(messages.slice(0, index), { tools, addGenerationPrompt: true });
    const after = template.render(messages.slice(0, index + 1), { tools });
    for (const prefix of [before.text, after.text]) {
      if (!whole.text.startsWith(prefix)) {
        throw new InputError(
          `messages[${index}]: the chat template renders this turn differently once later turns follow, so its tokens can't be told apart; use a template with {% generation %} marks, or end the row at this turn`,
        );
      }
    }
    return [[before.text.length, after.text.length]];
  });
  return { text: whole.text, spans };
}
