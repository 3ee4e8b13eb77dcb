import assert from "node:assert/strict";
import { test } from "node:test";
import { type Answer, AWAY, BACK, type Frame, type Left } from "../../../src/ui/ask/question.ts";
import { Steps } from "../../../src/ui/ask/steps.ts";
import { Dice } from "../../support/fuzz/dice.ts";

/** A person who does what is written for each question that is shown, in this order. */
class Person {
  readonly seen: string[] = [];
  readonly frames: Frame[] = [];
  readonly #acts: (string | Left)[];

  constructor(...acts: (string | Left)[]) {
    this.#acts = acts;
  }

  show(question: string): (frame: Frame) => Promise<Answer<string> | Left> {
    return async (frame) => {
      this.seen.push(question);
      this.frames.push(frame);
      const act = this.#acts.shift();
      assert.ok(act !== undefined, `nothing is written for ${question}`);
      return typeof act === "symbol" ? act : { value: act, draft: [`typed ${act}`] };
    };
  }

  get isDone(): boolean {
    return this.#acts.length === 0;
  }
}

async function go(person: Person, ...names: readonly string[]): Promise<string[] | undefined> {
  const steps = new Steps("Merge");
  steps.expect(names.length);
  return steps.run(async () => {
    const answers: string[] = [];
    for (const name of names) answers.push(await steps.answer(name, person.show(name)));
    return answers;
  });
}

test("answers come in the order of the questions, each counted", async () => {
  const person = new Person("a", "b", "c");
  assert.deepEqual(await go(person, "Base?", "Models?", "Folder?"), ["a", "b", "c"]);
  assert.deepEqual(
    person.frames.map(({ title, step, total }) => `${title} ${step}/${total}`),
    ["Merge 1/3", "Merge 2/3", "Merge 3/3"],
  );
});

test("back asks the question before again, and only that one, with its answer as a draft", async () => {
  const person = new Person("a", "b", BACK, "B", "c");
  assert.deepEqual(await go(person, "Base?", "Models?", "Folder?"), ["a", "B", "c"]);
  assert.deepEqual(person.seen, ["Base?", "Models?", "Folder?", "Models?", "Folder?"]);
  assert.deepEqual(
    person.frames.map(({ draft }) => draft?.[0]),
    [undefined, undefined, undefined, "typed b", undefined],
  );
});

test("back twice takes two answers away; both were drafts", async () => {
  const person = new Person("a", "b", BACK, BACK, "A", "B", "c");
  // Shown: 1, 2, 3 (back), 2 (back), 1, 2, 3.
  assert.deepEqual(await go(person, "Base?", "Models?", "Folder?"), ["A", "B", "c"]);
  assert.deepEqual(
    person.frames.slice(4).map(({ step, draft }) => [step, draft?.[0]]),
    [
      [1, "typed a"],
      [2, "typed b"],
      [3, undefined],
    ],
  );
});

test("going away ends it with nothing, wherever", async () => {
  assert.equal(await go(new Person(AWAY), "Base?", "Models?"), undefined);
  const late = new Person("a", "b", BACK, AWAY);
  assert.equal(await go(late, "Base?", "Models?", "Folder?"), undefined);
  assert.ok(late.isDone);
});

test("another answer may lead to other questions: what was answered behind it is asked anew", async () => {
  const person = new Person("adapter", "which", BACK, BACK, "model", "base", "end");
  const steps = new Steps("Interpolate");
  const result = await steps.run(async () => {
    const kind = await steps.answer("Kind?", person.show("Kind?"));
    const question = kind === "adapter" ? "Adapter?" : "Base?";
    const end = await steps.answer(question, person.show(question));
    return [kind, end, await steps.answer("Alphas?", person.show("Alphas?"))];
  });
  assert.deepEqual(result, ["model", "base", "end"]);
  assert.deepEqual(person.seen, [
    "Kind?",
    "Adapter?",
    "Alphas?",
    "Adapter?",
    "Kind?",
    "Base?",
    "Alphas?",
  ]);
});

test("where a question has become another one, nothing of the old way is left behind it", async () => {
  const person = new Person("run", "old", "x", BACK, "new", "y", BACK, "z", "end");
  const steps = new Steps("Interpolate");
  let pass = 0;
  const result = await steps.run(async () => {
    pass += 1;
    const answers = [await steps.answer("Kind?", person.show("Kind?"))];
    // A model that was there at first is gone.
    for (const name of [pass === 1 ? "Old?" : "New?", "Alphas?", "Folder?"]) {
      answers.push(await steps.answer(name, person.show(name)));
    }
    return answers;
  });
  assert.deepEqual(result, ["run", "new", "z", "end"]);
  assert.deepEqual(person.seen.slice(4), ["New?", "Alphas?", "Folder?", "Alphas?", "Folder?"]);
});

test("the same question may be asked twice, of two files say", async () => {
  const person = new Person("a", "b", BACK, "B", "end");
  const steps = new Steps("Roles");
  const result = await steps.run(async () => {
    const first = await steps.answer("Role?", person.show("1"));
    const second = await steps.answer("Role?", person.show("2"));
    return [first, second, await steps.answer("End?", person.show("3"))];
  });
  assert.deepEqual(result, ["a", "B", "end"]);
  assert.deepEqual(person.seen, ["1", "2", "3", "2", "3"]);
});

test("there are at least as many steps as were come to, whatever was expected", async () => {
  const person = new Person("a", "b");
  const steps = new Steps("Generate");
  await steps.run(async () => {
    await steps.answer("One?", person.show("One?"));
    await steps.answer("Two?", person.show("Two?"));
  });
  assert.deepEqual(
    person.frames.map(({ step, total }) => [step, total]),
    [
      [1, 1],
      [2, 2],
    ],
  );
});

test("what was typed before going back is there when the question comes again", async () => {
  const steps = new Steps("Generate");
  const drafts: (readonly string[] | undefined)[] = [];
  let shown = 0;
  await steps.run(async () => {
    await steps.answer("Model?", async () => ({ value: "m", draft: ["m"] }));
    return steps.answer("Text?", async ({ draft }) => {
      drafts.push(draft);
      shown += 1;
      if (shown > 1) return { value: "t", draft: ["t"] };
      steps.keepDraft("Text?", ["half a sent"]);
      return BACK;
    });
  });
  assert.deepEqual(drafts, [undefined, ["half a sent"]]);
});

test("an error of a question is no leave: it goes to the caller", async () => {
  const steps = new Steps("Merge");
  const broken = steps.run(() => steps.answer("Base?", () => Promise.reject(new Error("no disk"))));
  await assert.rejects(broken, /^Error: no disk$/);
  assert.equal(await new Steps("Merge").run(async () => steps.leave()), undefined);
});

test("back and forth in any way, the answers are the last ones given to each question", async () => {
  for (let seed = 0; seed < 300; seed++) {
    const dice = new Dice(seed);
    const names = Array.from({ length: 1 + dice.int(5) }, (_, index) => `Question ${index}?`);
    const last = new Map<string, string>();
    const steps = new Steps("Any");
    let count = 0;
    const result = await steps.run(async () => {
      const answers: string[] = [];
      for (const name of names) {
        const value = await steps.answer(name, async ({ step, draft }) => {
          const message = `seed ${seed}, ${name}`;
          assert.equal(name, names[step - 1], message);
          // What is offered is what this question was answered last.
          assert.equal(draft?.[0], last.get(name), message);
          if (step > 1 && count < 40 && dice.int(3) === 0) return BACK;
          count += 1;
          last.set(name, `answer ${count}`);
          return { value: `answer ${count}`, draft: [`answer ${count}`] };
        });
        answers.push(value);
      }
      return answers;
    });
    assert.deepEqual(
      result,
      names.map((name) => last.get(name)),
      `seed ${seed}`,
    );
  }
});
