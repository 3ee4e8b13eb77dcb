/** What can name a base model, a kind a file of this folder, and what a reference is once it is read. */

export interface BaseReference {
  /** The name of its kind. */
  kind: string;
  /** As it was given, for messages. */
  given: string;
  /** The path of a folder or file; of what is no path its name: "org/name", a provider's model. */
  location: string;
  /** The path that was looked for first, where the reference is none. */
  tried?: string;
  /** A name on the hub may have one. */
  revision?: string;
}

export interface BaseKind {
  readonly name: string;
  /** Whether a path, there or not, is of this kind. Left out by what is no path. */
  readonly isAt?: (path: string) => boolean;
  /**
   * Reads what is no path; undefined where the text is something else.
   * @throws InputError for a text of this kind that is not whole
   */
  readonly parse?: (text: string) => Pick<BaseReference, "location" | "revision"> | undefined;
  /** What a path or its last part is called without what only says the kind; left out: as it is. */
  readonly label?: (name: string) => string;
  /** Its tensors are stored under names of its own, which the family translates. */
  readonly hasOwnTensorNames?: boolean;
  /** A kind has it that is a file which the editor looks for and offers. */
  readonly offered?: { readonly extension: string; readonly title: string };
  /** What is loaded in its place, for messages: "its dequantised weights". */
  readonly loadedAs?: string;
  /**
   * Where it lies on this machine; left out: at its location.
   * @throws InputError that says how to get it
   */
  readonly locate?: (reference: BaseReference) => Promise<string>;
}

/** What was made of a base and is loaded in its place. */
export interface BaseCopy {
  readonly files: (dir: string) => Promise<string[]>;
  /** @param hashes SHA-256 of these files. @throws InputError for one that is not what was made */
  readonly check: (dir: string, hashes: Readonly<Record<string, string>>) => Promise<void>;
}

/** How a kind is loaded that is not the Hugging Face folder itself. */
export interface BaseLoader {
  /** The kind's. */
  readonly name: string;
  /**
   * The Hugging Face folder to load it from, which may be made first.
   * @throws InputError when there is nothing to load
   */
  readonly load: (reference: BaseReference, log: (line: string) => void) => Promise<string>;
  /** Where that folder is a copy. */
  readonly copy?: BaseCopy;
}
