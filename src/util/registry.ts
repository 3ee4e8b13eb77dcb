/** The members of one kind that can grow: methods, objectives, engines. Open while the program runs, so that a member can come from outside. */
import { InputError } from "./errors.ts";

export class Registry<T extends { readonly name: string }> {
  readonly #kind: string;
  readonly #members: Map<string, T>;

  /** @param kind what one of them is called in messages: "method" */
  constructor(kind: string, members: readonly T[]) {
    this.#kind = kind;
    this.#members = new Map(members.map((member) => [member.name, member]));
  }

  /** In the order in which they were named. */
  all(): readonly T[] {
    return [...this.#members.values()];
  }

  find(name: string): T | undefined {
    return this.#members.get(name);
  }

  /** @throws InputError naming those that there are */
  get(name: string): T {
    const member = this.#members.get(name);
    if (member) return member;
    const known = [...this.#members.keys()].join(", ");
    throw new InputError(`${this.#kind} ${JSON.stringify(name)} is not known; known: ${known}`);
  }

  /** @returns what takes it out again */
  add(member: T): () => void {
    if (this.#members.has(member.name)) {
      throw new Error(`internal: ${this.#kind} ${member.name} is there already`);
    }
    this.#members.set(member.name, member);
    return () => void this.#members.delete(member.name);
  }
}
