/** What a quick pick or an input box is told. Labels and texts may come from files: they are shown as they are. */

export interface Choice<T> {
  /** What tells it from others of its label when the list is shown again; left out: a value that is a text, or the label. */
  id?: string;
  label: string;
  description?: string;
  detail?: string;
  /** The name of one of VS Code's icons. */
  icon?: string;
  /** Shown whatever is typed. */
  alwaysShow?: boolean;
  /** Ticked at first, where several may be. */
  picked?: boolean;
  /** What it stands for; a function asks further, and undefined from it brings the list back. */
  value: T | (() => Promise<T | undefined>);
}

/** A line over the choices behind it. */
export interface Heading {
  heading: string;
}

export type Choices<T> = readonly (Choice<T> | Heading)[];

export interface PickQuestion<T> {
  placeHolder: string;
  /** Asked for when the list is shown, not when an earlier answer is gone through again. */
  choices: () => Choices<T> | Promise<Choices<T>>;
  /** Whether so many will do, where several may be chosen; left out, any number does. */
  accepts?: (count: number) => boolean;
}

export interface InputQuestion {
  prompt: string;
  value?: string;
  valueSelection?: [number, number];
  /** A text says what is wrong; a note is shown beside the prompt, and lets the answer pass. */
  validate?: (value: string) => Validation | undefined | PromiseLike<Validation | undefined>;
}

export type Validation = string | { note: string };

/** What stands around a question: which step of how many, and what was answered here before. */
export interface Frame {
  title: string;
  step: number;
  total: number;
  /** What a pick calls its choices (choice-ids.ts), or the text of an input. */
  draft: readonly string[] | undefined;
}

/** The person went back, or away. */
export const BACK = Symbol("back");
export const AWAY = Symbol("away");
export type Left = typeof BACK | typeof AWAY;

export interface Answer<T> {
  value: T;
  draft: readonly string[];
}
