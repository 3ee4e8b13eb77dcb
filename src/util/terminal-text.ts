/** Text from files, models and templates, made safe for where it is shown. */

/**
 * Controls but tab and newline, and marks that turn the direction of writing: an escape sequence in a
 * tensor's name could clear the screen or type for the user, a turned line says what it does not say.
 */
const UNSAFE = /(?![\t\n])\p{Cc}|[\u061C\u200E\u200F\u2028-\u202E\u2066-\u2069]/gu;

/** Each unsafe character as JSON's `\u001b`: seen, harmless, and in a JSON text still the same value. */
export function terminalText(text: string): string {
  return text.replaceAll(
    UNSAFE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Some screens' worth of lines; what is longer quotes a file. */
const MAX_MESSAGE_CHARS = 2_000;

/** A message in one line, its middle left out where it is longer than anyone reads. */
export function messageLine(message: string): string {
  const line = terminalText(message.replaceAll(/\s*\n\s*/gu, " "));
  if (line.length <= MAX_MESSAGE_CHARS) return line;
  const half = MAX_MESSAGE_CHARS / 2;
  return `${line.slice(0, half)} … ${line.length - 2 * half} characters … ${line.slice(-half)}`;
}
