/** A GGUF file's metadata, asked for by key and type. */
import { InputError } from "../util/errors.ts";
import type { GgufHeader } from "./header.ts";
import type { MetadataValue } from "./header-cursor.ts";

type Kinds = { number: number; string: string; boolean: boolean };

function optional<K extends keyof Kinds>(
  { file, metadata }: GgufHeader,
  key: string,
  kind: K,
): Kinds[K] | undefined {
  const value = metadata.get(key);
  if (value === undefined) return undefined;
  if (typeof value !== kind) {
    throw new InputError(`${file}: metadata ${key} is a ${kindOf(value)}, expected a ${kind}`);
  }
  return value as Kinds[K];
}

function kindOf(value: MetadataValue): string {
  return typeof value === "object" ? "list" : typeof value;
}

export function optionalNumber(header: GgufHeader, key: string): number | undefined {
  return optional(header, key, "number");
}

export function optionalText(header: GgufHeader, key: string): string | undefined {
  return optional(header, key, "string");
}

export function optionalFlag(header: GgufHeader, key: string): boolean | undefined {
  return optional(header, key, "boolean");
}

/** @throws InputError when the key is missing or not a number */
export function number(header: GgufHeader, key: string): number {
  const value = optionalNumber(header, key);
  if (value === undefined) throw new InputError(`${header.file}: metadata ${key} is missing`);
  return value;
}

/** One number for all layers; some converters write it once for each. */
export function numberOfAllLayers(header: GgufHeader, key: string): number | undefined {
  const value = header.metadata.get(key);
  if (typeof value !== "object") return optionalNumber(header, key);
  const [first, ...others] = value;
  if (typeof first !== "number" || others.some((each) => each !== first)) {
    throw new InputError(`${header.file}: metadata ${key} differs between layers; not supported`);
  }
  return first;
}

function list<T extends number | string>(
  { file, metadata }: GgufHeader,
  key: string,
  isElement: (value: MetadataValue) => value is T,
): readonly T[] | undefined {
  const value = metadata.get(key);
  if (value === undefined) return undefined;
  if (typeof value !== "object" || !value.every(isElement)) {
    throw new InputError(`${file}: metadata ${key} is not a list of one kind`);
  }
  return value;
}

export function optionalTexts(header: GgufHeader, key: string): readonly string[] | undefined {
  return list(header, key, (value) => typeof value === "string");
}

export function optionalNumbers(header: GgufHeader, key: string): readonly number[] | undefined {
  return list(header, key, (value) => typeof value === "number");
}

/** The shortest decimal that is the same float32: 1e-5 for 9.999999747378752e-6. */
export function shortestDecimal(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === Math.fround(value)) return short;
  }
  return value;
}
