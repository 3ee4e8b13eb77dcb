/** How what was chosen is found again when its list is shown anew. */
import type { Choice, Choices } from "./question.ts";

/** One for each choice, none twice; undefined for headings. */
export function choiceIds<T>(choices: Choices<T>): (string | undefined)[] {
  const taken = new Map<string, number>();
  return choices.map((choice) => {
    if ("heading" in choice) return undefined;
    const id = ownId(choice);
    const before = taken.get(id) ?? 0;
    taken.set(id, before + 1);
    return `${before} ${id}`;
  });
}

/** Labels may be alike: two adapters of one name. */
function ownId<T>({ id, label, value }: Choice<T>): string {
  return id ?? (typeof value === "string" ? value : label);
}
