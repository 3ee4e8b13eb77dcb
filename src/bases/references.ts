/** References to base models: read once, then asked. */
import path from "node:path";
import { InputError } from "../util/errors.ts";
import { pathExists } from "../util/path-exists.ts";
import { Registry } from "../util/registry.ts";
import type { BaseKind, BaseReference } from "./base-kind.ts";
import { folder } from "./folder.ts";
import { gguf } from "./gguf.ts";
import { hub } from "./hub.ts";
import { onnx } from "./onnx.ts";
import { provider } from "./provider.ts";
import { tfjs } from "./tfjs.ts";

/** Where two know a reference, the later one has it; `folder` takes any path. */
export const BASE_KINDS = new Registry<BaseKind>("kind of base model", [
  folder,
  hub,
  provider,
  tfjs,
  onnx,
  gguf,
]);

/** The kind of what lies at a path, or would. */
export function baseKindAt(location: string): BaseKind {
  return BASE_KINDS.all.findLast((kind) => kind.isAt?.(location)) ?? folder;
}

export function baseAt(location: string): BaseReference {
  return { kind: baseKindAt(location).name, given: location, location };
}

/**
 * What a person writes. A path that exists is one, whatever else it looks like.
 * @param from the folder that paths are relative to
 * @throws InputError for what is neither a path that exists nor of the form of another kind
 */
export async function parseBase(text: string, from = process.cwd()): Promise<BaseReference> {
  const local = path.resolve(from, text);
  if (await pathExists(local)) return { ...baseAt(local), given: text };
  for (const kind of BASE_KINDS.all.toReversed()) {
    const parsed = kind.parse?.(text);
    if (parsed) return { kind: kind.name, given: text, tried: local, ...parsed };
  }
  throw new InputError(`model ${text} is no folder (${local}), nor a name on the hub, OWNER/NAME`);
}

/** Where it lies on this machine. @throws InputError that says how to get it there */
export async function locateBase(reference: BaseReference): Promise<string> {
  const { locate } = BASE_KINDS.get(reference.kind);
  return locate ? locate(reference) : reference.location;
}

/** A path's last part, or a name made of it, without what only says the kind. */
export function baseLabel(name: string): string {
  return baseKindAt(name).label?.(name) ?? name;
}

/** Whether a file, by its name, is a base model that the editor offers. */
export function isOfferedFile(file: string): boolean {
  return baseKindAt(file).offered !== undefined;
}

/** Kinds that are files which the editor looks for and offers. */
export function offeredFiles(): { extension: string; title: string }[] {
  return BASE_KINDS.all.flatMap(({ offered }) => offered ?? []);
}

/** Patterns for file searches: "*.gguf". */
export function offeredPatterns(): string[] {
  return offeredFiles().map(({ extension }) => `*.${extension}`);
}
