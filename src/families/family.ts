/**
 * What the tensors of a model family are, told by their names and shapes alone: for the editor, merging and
 * whoever else has the headers of a checkpoint and not its graph. A family is a table (`describeFamily`) in a file of
 * its own and a line in registry.ts.
 */
import type { BlockPart, Layout, Role, TensorFacts } from "../protocol/tensor-facts.ts";
import { type BlockOf, type BlockPlace, moduleOf } from "../util/tensor-patterns.ts";

/** What a .gguf of the family calls it. */
export interface GgufNames {
  /** `general.architecture`, which may be another word than model_type. */
  architecture: string;
  /** transformers' name of a tensor; undefined for one that the family doesn't have. */
  checkpointName: (stored: string) => string | undefined;
}

export interface Family {
  /** config.json's `model_type`. */
  readonly name: string;
  /** False where names and shapes are only guessed from. */
  readonly isKnown: boolean;
  /** transformers' class, for a config.json that names none. */
  readonly causalLm: string | undefined;
  /** The tensor of the token embeddings, in a model with a head. */
  readonly embedding: string;
  /** The language head's tensor, also where a checkpoint ties it to the embedding and has none. */
  readonly head: string;
  /** @param shape where it is known: guesses need it */
  readonly facts: (name: string, shape?: readonly number[]) => TensorFacts;
  readonly blockOf: BlockOf;
  /** Whether a tensor has a row for each token: the embedding and the language head. */
  readonly isVocabularyTable: (name: string) => boolean;
  readonly gguf: GgufNames | undefined;
}

interface ModuleFacts {
  role: Exclude<Role, "bias">;
  part?: BlockPart;
  /** Left out of linear layers: [out,in]. */
  layout?: Layout;
}

export interface FamilyTable {
  name: string;
  causalLm: string;
  /** What stands before the body's names in a model with a head; a body that was saved alone has them without. */
  body?: string;
  /** What stands before the blocks' numbers: "model.layers". */
  blocks: string;
  /** The modules of a block, by their path in it. */
  inBlock: Readonly<Record<string, ModuleFacts>>;
  /** Those before the blocks, and those behind them. */
  before: Readonly<Record<string, "embedding" | "position" | "norm" | "other">>;
  after: Readonly<Record<string, "head" | "norm" | "linear" | "other">>;
  gguf?: GgufNames;
}

/** transformers' classification heads, over whatever body. */
const LABEL_HEADS = ["score", "classifier"];

export function describeFamily(table: FamilyTable): Family {
  const { name, causalLm, before, after } = table;
  // A file may call a module as every object calls what it inherits: "constructor".
  const inBlock = new Map(Object.entries(table.inBlock));
  const [head, embedding] = [named(after, "head"), named(before, "embedding")];
  const stems = [`${table.blocks}.`, `${withoutBody(table, table.blocks)}.`];
  const blockOf = (tensor: string): BlockPlace | undefined => {
    const stem = stems.find((one) => tensor.startsWith(one));
    if (stem === undefined) return undefined;
    const [index = "", ...inner] = tensor.slice(stem.length).split(".");
    return /^\d+$/u.test(index)
      ? { stem, index: Number(index), inner: inner.join(".") }
      : undefined;
  };
  const places = placesOutside(table);
  const facts = (tensor: string): TensorFacts => {
    const module = moduleOf(tensor);
    const block = blockOf(tensor);
    const place = block ? undefined : places.get(module);
    const known = block ? inBlock.get(moduleOf(block.inner)) : place;
    const isBeforeBlocks = place?.isBeforeBlocks === true;
    return { block, isBeforeBlocks, module, ...factsOfModule(tensor, known) };
  };
  return {
    name,
    isKnown: true,
    causalLm,
    embedding,
    head,
    facts,
    blockOf,
    isVocabularyTable: (tensor) => tensor === head || facts(tensor).role === "embedding",
    gguf: table.gguf,
  };
}

function named(modules: Readonly<Record<string, string>>, role: Role): string {
  const [module] = Object.entries(modules).find(([, of]) => of === role) ?? [];
  if (module === undefined) throw new Error(`internal: a family without ${role}`);
  return `${module}.weight`;
}

function withoutBody({ body }: FamilyTable, name: string): string {
  return body !== undefined && name.startsWith(`${body}.`) ? name.slice(body.length + 1) : name;
}

/** By module, under both of its names. */
function placesOutside(
  table: FamilyTable,
): ReadonlyMap<string, ModuleFacts & { isBeforeBlocks: boolean }> {
  const { before, after } = table;
  const labels = Object.fromEntries(LABEL_HEADS.map((module) => [module, "head" as const]));
  const places = [
    ...Object.entries(before).map(([module, role]) => ({ module, role, isBeforeBlocks: true })),
    ...Object.entries({ ...labels, ...after }).map(([module, role]) => ({
      module,
      role,
      isBeforeBlocks: false,
    })),
  ];
  return new Map(
    places.flatMap(({ module, ...place }) => [
      [module, place],
      [withoutBody(table, module), place],
    ]),
  );
}

function factsOfModule(
  tensor: string,
  module: ModuleFacts | undefined,
): Pick<TensorFacts, "role" | "moduleRole" | "layout" | "part"> {
  if (!module) return { role: "other", moduleRole: "other", layout: undefined, part: undefined };
  // What another tool packed, GPTQ's "qweight", is none of these.
  const stored = tensor.endsWith(".weight") ? module.role : "other";
  const role = tensor.endsWith(".bias") ? "bias" : stored;
  const layout = role === "linear" ? (module.layout ?? "[out,in]") : undefined;
  const part = module.part ?? (module.role === "norm" ? "norms" : undefined);
  return { role, moduleRole: module.role, layout, part };
}
