/** Questions one after the other (steps.ts) as VS Code shows them: quick picks and input boxes. */
import { sayInformation } from "../say.ts";
import type { InputQuestion, PickQuestion } from "./question.ts";
import { showInput } from "./show-input.ts";
import { showPick } from "./show-pick.ts";
import { Steps } from "./steps.ts";

export class Wizard {
  readonly #steps: Steps;

  constructor(title: string) {
    this.#steps = new Steps(title);
  }

  /** How many questions there will be in all, as far as is known by now. */
  expect(total: number): void {
    this.#steps.expect(total);
  }

  async pick<T>(question: PickQuestion<T>): Promise<T> {
    const [value] = await this.#steps.answer(question.placeHolder, (frame) =>
      showPick(question, frame, false),
    );
    return value as T;
  }

  /** None may be chosen too. */
  pickMany<T>(question: PickQuestion<T>): Promise<T[]> {
    return this.#steps.answer(question.placeHolder, (frame) => showPick(question, frame, true));
  }

  input(question: InputQuestion): Promise<string> {
    const keep = (draft: readonly string[]) => this.#steps.keepDraft(question.prompt, draft);
    return this.#steps.answer(question.prompt, (frame) => showInput(question, frame, keep));
  }

  /** Ends it with a sentence why there is nothing to ask. */
  refuse(sentence: string): never {
    void sayInformation(sentence);
    return this.#steps.leave();
  }

  run<T>(questions: (wizard: Wizard) => Promise<T>): Promise<T | undefined> {
    return this.#steps.run(() => questions(this));
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
