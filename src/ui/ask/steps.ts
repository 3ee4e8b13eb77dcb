/**
 * Questions one after the other, with a way back and a count of steps. The questions are an ordinary function
 * that asks and returns; Back takes the last answer away and goes through the function again, up to that
 * question, with the answers that are left. So it must do nothing but ask: what the answers are for comes
 * after it. Nothing here knows how a question is shown.
 */
import { type Answer, AWAY, BACK, type Frame, type Left } from "./question.ts";

/** Thrown through the questions by the person's leave. */
class Leave extends Error {
  readonly how: Left;
  constructor(how: Left) {
    super("internal: a wizard was left");
    this.how = how;
  }
}

export class Steps {
  readonly #title: string;
  #answers: { question: string; value: unknown }[] = [];
  /** By question: what was answered, or typed, before the person went back. */
  readonly #drafts = new Map<string, readonly string[]>();
  #at = 0;
  #total = 1;

  constructor(title: string) {
    this.#title = title;
  }

  /** How many questions there will be in all, as far as is known by now. */
  expect(total: number): void {
    this.#total = total;
  }

  /** What was typed so far as the answer to a question, to be there again. */
  keepDraft(question: string, draft: readonly string[]): void {
    this.#drafts.set(question, draft);
  }

  /** Ends the questions as if the person had left. */
  leave(): never {
    throw new Leave(AWAY);
  }

  /** @returns what the questions come to; undefined when the person leaves them */
  async run<T>(questions: () => Promise<T>): Promise<T | undefined> {
    for (;;) {
      this.#at = 0;
      try {
        return await questions();
      } catch (error) {
        if (!(error instanceof Leave)) throw error;
        if (error.how === AWAY) return undefined;
        this.#answers.pop();
      }
    }
  }

  async answer<T>(question: string, show: (frame: Frame) => Promise<Answer<T> | Left>): Promise<T> {
    const known = this.#answers[this.#at];
    if (known?.question === question) {
      this.#at += 1;
      return known.value as T;
    }
    // Another question than last time: what was answered behind it is about something else.
    this.#answers = this.#answers.slice(0, this.#at);
    const step = this.#at + 1;
    const total = Math.max(this.#total, step);
    const draft = this.#drafts.get(question);
    const answer = await show({ title: this.#title, step, total, draft });
    if (answer === BACK || answer === AWAY) throw new Leave(answer);
    this.#drafts.set(question, answer.draft);
    this.#answers.push({ question, value: answer.value });
    this.#at += 1;
    return answer.value;
  }
}
