/**
 * What the tensors of a model family are, told by their names and shapes alone: for the editor, merging and
 * whoever else has the headers of a checkpoint and not its graph. A family is a table (`describeFamily`) in a file of
 * its own and a line in registry.ts.
 */
import type { BlockPart, Layout, Role, TensorFacts } from "../protocol/tensor-facts.ts";
import { type BlockOf, type BlockPlace, moduleOf } from "../util/tensor-patterns.ts";

export interface Family {
  /** config.json's `model_type`. */
  readonly name: string;
  /** False where names and shapes are only guessed from. */
  readonly isKnown: boolean;
  /** transformers' class, for a config.json that names none. */
  readonly causalLm: string | undefined;
  /** The language head's tensor, also where a checkpoint ties it to the embedding and has none. */
  readonly head: string;
  /** @param shape where it is known: guesses need it */
  readonly facts: (name: string, shape?: readonly number[]) => TensorFacts;
  readonly blockOf: BlockOf;
  /** Whether a tensor has a row for each token: the embedding and the language head. */
  readonly isVocabularyTable: (name: string) => boolean;
  /** transformers' name of a tensor in a .gguf of this family; undefined for one that it doesn't have. */
  readonly checkpointName?: (stored: string) => string | undefined;
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
  /** What stands before the blocks' numbers: "model.layers". */
  blocks: string;
  /** The modules of a block, by their path in it. */
  inBlock: Readonly<Record<string, ModuleFacts>>;
  /** Those before the blocks, and those behind them. */
  before: Readonly<Record<string, "embedding" | "position" | "norm" | "other">>;
  after: Readonly<Record<string, "head" | "norm" | "linear" | "other">>;
  checkpointName?: (stored: string) => string | undefined;
}

/** transformers' classification heads, over whatever body. */
const LABEL_HEADS = new Set(["score", "classifier"]);

export function describeFamily(table: FamilyTable): Family {
  const { name, causalLm, before, after, inBlock } = table;
  const stem = `${table.blocks}.`;
  const [head] = Object.entries(after).find(([, role]) => role === "head") ?? [];
  if (head === undefined) throw new Error(`internal: family ${name} has no head`);
  const blockOf = (tensor: string): BlockPlace | undefined => {
    if (!tensor.startsWith(stem)) return undefined;
    const [index = "", ...inner] = tensor.slice(stem.length).split(".");
    return /^\d+$/u.test(index)
      ? { stem, index: Number(index), inner: inner.join(".") }
      : undefined;
  };
  const known = (module: string, block: BlockPlace | undefined): ModuleFacts | undefined => {
    if (block) return inBlock[moduleOf(block.inner)];
    const role = before[module] ?? after[module] ?? (LABEL_HEADS.has(module) ? "head" : undefined);
    return role && { role };
  };
  const facts = (tensor: string): TensorFacts => {
    const module = moduleOf(tensor);
    const block = blockOf(tensor);
    const isBeforeBlocks = !block && before[module] !== undefined;
    return { block, isBeforeBlocks, module, ...factsOfModule(tensor, known(module, block)) };
  };
  const { checkpointName } = table;
  return {
    name,
    isKnown: true,
    causalLm,
    head: `${head}.weight`,
    facts,
    blockOf,
    isVocabularyTable: (tensor) =>
      tensor === `${head}.weight` || facts(tensor).role === "embedding",
    ...(checkpointName ? { checkpointName } : {}),
  };
}

function factsOfModule(
  tensor: string,
  module: ModuleFacts | undefined,
): Pick<TensorFacts, "role" | "layout" | "part"> {
  if (!module) return { role: "other", layout: undefined, part: undefined };
  const role = tensor.endsWith(".bias") ? "bias" : module.role;
  const layout = role === "linear" ? (module.layout ?? "[out,in]") : undefined;
  return { role, layout, part: module.part ?? (module.role === "norm" ? "norms" : undefined) };
}
