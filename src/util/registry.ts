/** What can be added to by a new file and a line: methods, objectives, engines, families. */
import { InputError } from "./errors.ts";

interface Named {
  readonly name: string;
}

/** Members by name, in the order they are listed in. Open at run time, so that one can come from outside. */
export class Registry<Member extends Named> {
  readonly #what: string;
  readonly #members: Member[];
  #version = 0;

  /** @param what a member is, for messages: "method" */
  constructor(what: string, members: readonly Member[]) {
    this.#what = what;
    this.#members = [...members];
  }

  get all(): readonly Member[] {
    return this.#members;
  }

  /** Another number after each change. */
  get version(): number {
    return this.#version;
  }

  find(name: string): Member | undefined {
    return this.#members.find((member) => member.name === name);
  }

  /** @throws InputError naming what is known */
  get(name: string): Member {
    const member = this.find(name);
    if (member) return member;
    const known = this.#members.map((one) => one.name).join(", ");
    throw new InputError(`there is no ${this.#what} ${name}; known: ${known}`);
  }

  /** @returns what takes it out again */
  add(member: Member): () => void {
    if (this.find(member.name)) throw new Error(`internal: ${this.#what} ${member.name} twice`);
    this.#members.push(member);
    this.#version++;
    return () => {
      const at = this.#members.indexOf(member);
      if (at === -1) return;
      this.#members.splice(at, 1);
      this.#version++;
    };
  }
}
