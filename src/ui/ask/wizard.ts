/**
 * Questions one after the other, with Back and a count of steps. The questions are an ordinary function that
 * asks and returns; Back takes the last answer away and goes through the function again, up to that question,
 * with the answers that are left. So it must do nothing but ask: what the answers are for comes after it.
 */
import { sayInformation } from "../say.ts";
import { type Answer, AWAY, BACK, type Frame, type InputQuestion } from "./question.ts";
import type { Left, PickQuestion } from "./question.ts";
import { showInput } from "./show-input.ts";
import { showPick } from "./show-pick.ts";

/** Thrown through the questions by the person's leave. */
class Leave extends Error {
  readonly how: Left;
  constructor(how: Left) {
    super("internal: a wizard was left");
    this.how = how;
  }
}

export class Wizard {
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

  async pick<T>(question: PickQuestion<T>): Promise<T> {
    const [value] = await this.#answer(question.placeHolder, (frame) =>
      showPick(question, frame, false),
    );
    return value as T;
  }

  /** None may be chosen too. */
  pickMany<T>(question: PickQuestion<T>): Promise<T[]> {
    return this.#answer(question.placeHolder, (frame) => showPick(question, frame, true));
  }

  input(question: InputQuestion): Promise<string> {
    const keep = (draft: readonly string[]) => this.#drafts.set(question.prompt, draft);
    return this.#answer(question.prompt, (frame) => showInput(question, frame, keep));
  }

  /** Ends it with a sentence why there is nothing to ask. */
  refuse(sentence: string): never {
    void sayInformation(sentence);
    throw new Leave(AWAY);
  }

  async run<T>(questions: (wizard: Wizard) => Promise<T>): Promise<T | undefined> {
    for (;;) {
      this.#at = 0;
      try {
        return await questions(this);
      } catch (error) {
        if (!(error instanceof Leave)) throw error;
        if (error.how === AWAY) return undefined;
        this.#answers.pop();
      }
    }
  }

  async #answer<T>(
    question: string,
    show: (frame: Frame) => Promise<Answer<T> | Left>,
  ): Promise<T> {
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

/** @returns what the questions come to; undefined when the person leaves them */
export function askInSteps<T>(
  title: string,
  questions: (wizard: Wizard) => Promise<T>,
): Promise<T | undefined> {
  return new Wizard(title).run(questions);
}

/** A single question. */
export function pickOne<T>(title: string, question: PickQuestion<T>): Promise<T | undefined> {
  return askInSteps(title, (wizard) => wizard.pick(question));
}
