/** The members of one growth axis (families, methods, …) by name: ours, and in tests what is planted beside them. */
import { InputError } from "./errors.ts";

export class Registry<T extends { readonly name: string }> {
  readonly #kind: string;
  readonly #members: T[];

  /** @param kind for messages: "method" */
  constructor(kind: string, members: readonly T[]) {
    this.#kind = kind;
    this.#members = [...members];
  }

  /** @throws InputError naming what is known */
  get(name: string): T {
    const found = this.find(name);
    if (found) return found;
    const known = this.#members.map((member) => member.name).join(", ");
    throw new InputError(
      `${this.#kind} ${JSON.stringify(name)} is not supported; supported: ${known}`,
    );
  }

  find(name: string): T | undefined {
    return this.#members.find((member) => member.name === name);
  }

  all(): readonly T[] {
    return this.#members;
  }

  /** @returns takes the member out again */
  add(member: T): () => void {
    if (this.find(member.name)) throw new Error(`internal: ${this.#kind} ${member.name} twice`);
    this.#members.push(member);
    return () => {
      const index = this.#members.indexOf(member);
      if (index !== -1) this.#members.splice(index, 1);
    };
  }
}
