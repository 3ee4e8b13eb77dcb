/**
 * What a method trains on a base, and what it leaves in a folder: one folder each in `src/methods/`,
 * listed in `registry.ts`. Whoever builds graphs, trains and saves knows this page and no method. What the
 * editor needs of a method is in `src/protocol/methods/`.
 */
import type { PeftExtras } from "../adapter-files/peft/extras.ts";
import type { PeftFolder } from "../adapter-files/peft/folder.ts";
import type { Examples } from "../data/example.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import type { EmbeddingHook, LinearHook, NamedShape } from "../graph/causal-lm.ts";
import type { Dim } from "../graph/dim.ts";
import type { Value } from "../graph/graph.ts";
import type { BaseModel } from "../models/base-model.ts";
import type { AnyMethod } from "../protocol/method.ts";

export interface AdapterContext {
  b: GraphBuilder;
  /** A live tensor of the adapter, by its name in the adapter's file. */
  tensor: (name: string) => Value;
  /** What such a tensor was when training began; for adapters that feed it (`feedsStart`). */
  start: (name: string) => Value;
  /** Mask for the input of the site with this number; undefined where nothing is dropped. */
  dropoutMask?: ((site: number, like: Value) => Value) | undefined;
  /** How many tokens all rows have. */
  tokens: Dim;
}

/** Left out: as without the adapter. */
export interface AdapterHooks {
  linear?: LinearHook;
  embedded?: EmbeddingHook;
  /** Rotated keys and values of a layer, [N,K·D] each. */
  keysValues?: (layer: number, heads: { k: Value; v: Value }) => { k: Value; v: Value };
  /** The residual stream after a block [N,C] → [N,C]; undefined for blocks left alone. */
  edit?: (layer: number) => ((x: Value) => Value) | undefined;
}

/** Where one row's tokens stand in the flat sequence. */
export interface RowPlace {
  start: number;
  /** Virtual ones included. */
  length: number;
  /** Virtual tokens at its start. */
  lead: number;
  /** The number of its own tokens before the first that is learnt; undefined where a row is continued. */
  prompt: number | undefined;
}

export interface AdapterFeeds {
  feeds: Record<string, Float32Array | BigInt64Array>;
  /** The sizes of the adapter's symbols. */
  sizes: Record<string, number>;
}

/** What a method adds to a base that stays as it is. */
export interface Adapter {
  /** Names and shapes in the adapter's file, in the order in which the forward pass meets them. */
  readonly tensors: readonly NamedShape[];
  hooks(context: AdapterContext): AdapterHooks;
  /** What dropout falls on while training: how many sites, and the widest of them. */
  readonly dropout?: { rate: number; sites: number; width: number } | undefined;
  /** Tokens in front of every row; left out: none. */
  readonly virtualTokens?: number;
  /** It changes the logits behind the head's weight, so that the loss needs them themselves. */
  readonly adaptsHead?: boolean;
  /** Its graph reads what its tensors were at the start. */
  readonly feedsStart?: boolean;
  /** Sizes of its own inputs, none above the number of tokens. */
  readonly symbols?: readonly string[];
  /** Feeds the inputs that its hooks added to the graph. */
  feeds?(rows: readonly RowPlace[]): AdapterFeeds;
  /** Puts a tensor back, in place, to where it must lie, after each update. */
  constrain?(tensor: NamedShape, values: Float32Array): void;
  /**
   * Writes it in its owner's format.
   * @throws what the file system throws; the folder then is as it was before
   */
  save(dir: string, trained: TrainedAdapter): Promise<void>;
}

export interface NamedTensor extends NamedShape {
  values: Float32Array;
}

export interface TrainedAdapter {
  base: BaseModel;
  /** Tensors of the base that were trained whole beside it, a new head among them. */
  whole: ReadonlySet<string>;
  /** The adapter's tensors and those. */
  tensors: readonly NamedTensor[];
  /** What the adapter's tensors were at the start, where its graph reads that. */
  start: (name: string) => Float32Array | undefined;
  /** What the folder shall say of its base. */
  baseModel: string;
}

/** Where a tensor starts. */
export type StartOf = (tensor: NamedShape) => Promise<Float32Array>;

export type Starter = (
  base: BaseModel,
  options: { seed: number; log: (line: string) => void },
) => StartOf;

/** What is trained, or at least fed rather than read from the checkpoint. */
export interface Tuning {
  /** Tensors of the base itself, by name. */
  trained: ReadonlySet<string>;
  adapter: Adapter | undefined;
  /** Where the adapter's tensors start; of one that was loaded left out. */
  start?: Starter | undefined;
}

export const NOTHING_TUNED: Tuning = { trained: new Set(), adapter: undefined };

export type TunedBase = Pick<BaseModel, "architecture" | "dir">;

export interface Tuned {
  /** Tensors of the base that are trained whole; a classifier's new head always is. */
  trained?: Iterable<string>;
  adapter?: Adapter;
  start?: Starter;
}

/** Adapters in PEFT's format. */
export interface PeftReader {
  /** Values of `peft_type`. */
  readonly peftTypes: readonly string[];
  /** What stands in the folder beside the method's own tensors; left out: nothing. */
  extras?(folder: PeftFolder): PeftExtras;
  /** @throws InputError for an adapter that can't be read, or that was made for another base */
  adapter(folder: PeftFolder, base: BaseModel): Adapter;
}

export interface StoredTensor {
  shape: readonly number[];
  values: () => Promise<Float32Array>;
}

/** Adapters in a format of the method's own. */
export interface OwnReader {
  owns(dir: string): Promise<boolean>;
  /** @throws InputError for an adapter that can't be read, or that was made for another base */
  read(
    dir: string,
    base: BaseModel,
  ): Promise<{
    adapter: Adapter;
    /** By the adapter's names, and those of the base that are fed in its tensors' place. */
    stored: ReadonlyMap<string, StoredTensor>;
    fed: readonly string[];
  }>;
}

export type AdapterReader = PeftReader | OwnReader;

/** @typeParam M the method as a recipe has it */
export interface TrainingMethod<M extends AnyMethod = AnyMethod> {
  /** `method.type`. */
  readonly name: string;
  /**
   * @param isTrained which tensors of the base the recipe leaves to train, or to attach to
   * @throws InputError when the method does not fit the base, or nothing is left to train
   */
  tune(method: M, base: TunedBase, isTrained: (tensor: string) => boolean): Tuned;
  /**
   * The method with what the training rows decide.
   * @throws InputError for rows that it can't be trained on
   */
  forRows?(method: M, rows: Examples, options: { file: string; log: (line: string) => void }): M;
  /** The method with the most that rows can make of it, for who has read none. */
  withoutRows?(method: M): M;
  /** Left out: it writes models, or what another method reads. */
  readonly reader?: AdapterReader;
}
