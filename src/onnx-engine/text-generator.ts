/** Generates text token by token with a key-value cache; one compiled graph for prompt and steps. */
import { uniformFloat64 } from "pure-rand/distribution/uniformFloat64";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { openBaseModel } from "../models/base-model.ts";
import type { GenerationOptions } from "../objectives/engine.ts";
import { InputError } from "../util/errors.ts";
import { CPU, type Device, compileOnDevice } from "./device.ts";
import type { Adapter } from "../methods/method.ts";
import { adaptedBase, loadAdapter } from "./load-adapter.ts";
import { graphOptionsOf, parameterFeeds, sessionOptionsOf } from "./tuned-base.ts";
import { causalMask } from "./ort-feeds.ts";
import { type DecodingGraph, FEEDS, type GraphOptions, buildDecodingGraph } from "./ort-graphs.ts";
import { hasHalfWeights } from "./ort-session.ts";
import type { CompileOptions, CompiledGraph, Feed, Result } from "./runtime.ts";
import { sampleToken } from "./sample-token.ts";

/** Each has a row in the tables of rotary positions: a config that names millions would fill the memory with them. */
const MAX_POSITIONS = 2 ** 18;

export interface TextGenerator {
  /**
   * @param onToken called with each new id as it is drawn
   * @returns the new ids
   * @throws InputError when the prompt is empty, too long, or names ids outside the vocabulary
   */
  generate(
    promptIds: readonly number[],
    options: GenerationOptions,
    onToken?: (id: number) => void,
  ): Promise<number[]>;
  /**
   * @returns the logits after each token, [T,V]
   * @throws InputError as generate
   */
  logits(ids: readonly number[]): Promise<Float32Array>;
  dispose(): Promise<void>;
}

export async function openTextGenerator(options: {
  baseDir: string;
  adapterDir?: string | undefined;
  threads?: number | undefined;
  /** Left out: the processor. */
  device?: Device | undefined;
  log?: (line: string) => void;
}): Promise<TextGenerator> {
  const { baseDir, adapterDir, threads = 0, device: wished = CPU, log = () => {} } = options;
  const base = await adaptedBase(await openBaseModel(baseDir), adapterDir);
  if (base.classifier) {
    throw new InputError(
      `${adapterDir ?? baseDir} labels text and has no head to write it with; "retune eval" shows how it labels a file`,
    );
  }
  const maxPositions = Math.min(base.architecture.maxPositions, MAX_POSITIONS);
  const { tuning, trainables, parameters } = await loadAdapter(base, adapterDir);
  return generatorOf({
    baseDir,
    graphOptions: graphOptionsOf(base, tuning, maxPositions),
    sessionOptions: await sessionOptionsOf(base, { threads, prepack: false }),
    feeds: parameterFeeds(trainables, parameters),
    device: wished,
    log,
  });
}

/** The generator of a model that is at hand. */
export async function generatorOf(options: {
  /** For messages. */
  baseDir: string;
  /** Its positions are how long prompt and answer may become together. */
  graphOptions: GraphOptions;
  sessionOptions: CompileOptions;
  /** What is trained, live. */
  feeds: Readonly<Record<string, Feed>>;
  device: Device;
  log: (line: string) => void;
}): Promise<TextGenerator> {
  const { baseDir, graphOptions, sessionOptions, feeds, device: wished, log } = options;
  const { architecture, tuning } = graphOptions;
  const lead = tuning.adapter?.virtualTokens ?? 0;
  const maxPositions = graphOptions.maxPositions - lead;
  const graph = buildDecodingGraph(graphOptions);
  // One answer of a float32 model ends before packed weights, 10 % faster a token, make up for the
  // time to pack them. Half-precision weights would be widened anew for every token: 123 ms against
  // 46 ms (360M, two cores), which pays after 40 tokens, and takes less memory too.
  const prepack = hasHalfWeights(graph.graph);
  const compiling = { ...sessionOptions, prepack };
  const { session, device } = await compileOnDevice(wished, graph.graph, compiling);
  if (device !== wished && device.note !== undefined) log(device.note);
  const { vocabSize } = architecture;
  const decoderOf = (promptIds: readonly number[]): Decoder => {
    const outside = promptIds.find((id) => id < 0 || id >= vocabSize);
    if (outside !== undefined) {
      throw new InputError(
        `the tokenizer gave id ${outside}, but ${baseDir} has a vocabulary of ${vocabSize}: they do not belong together`,
      );
    }
    if (promptIds.length === 0) throw new InputError("the prompt is empty: it has no token");
    if (lead + promptIds.length >= maxPositions) {
      throw new InputError(
        `the prompt has ${promptIds.length} tokens; ${baseDir} allows ${maxPositions}, and the answer needs room too`,
      );
    }
    const { adapter } = tuning;
    return new Decoder({ graph, session, feeds, shape: architecture, adapter });
  };
  return {
    logits: async (ids) => decoderOf(ids).step(ids, ids.length),
    generate: async (promptIds, generateOptions, onToken = () => {}) => {
      const decoder = decoderOf(promptIds);
      const room = Math.min(generateOptions.maxTokens, maxPositions - lead - promptIds.length);
      return generate(decoder, promptIds, { ...generateOptions, maxTokens: room }, onToken);
    },
    dispose: () => session.dispose(),
  };
}

async function generate(
  decoder: Decoder,
  promptIds: readonly number[],
  { maxTokens, temperature, topP, seed, stopIds }: GenerationOptions,
  onToken: (id: number) => void,
): Promise<number[]> {
  const random = xoroshiro128plus(seed);
  const generated: number[] = [];
  let fresh = promptIds;
  while (generated.length < maxTokens) {
    const logits = await decoder.step(fresh);
    const id = sampleToken(logits, { temperature, topP, random: () => uniformFloat64(random) });
    if (stopIds.includes(id)) break;
    generated.push(id);
    onToken(id);
    fresh = [id];
  }
  return generated;
}

/** Holds one sequence's cache. */
class Decoder {
  readonly #graph: DecodingGraph;
  readonly #session: CompiledGraph;
  readonly #feeds: Readonly<Record<string, Feed>>;
  #cache: Record<string, Feed>;
  /** Virtual tokens in front of the prompt. */
  readonly #lead: number;
  readonly #adapter: Adapter | undefined;
  #past = 0;

  constructor(options: {
    graph: DecodingGraph;
    session: CompiledGraph;
    feeds: Readonly<Record<string, Feed>>;
    shape: { keyValueHeads: number; headSize: number };
    adapter: Adapter | undefined;
  }) {
    this.#lead = options.adapter?.virtualTokens ?? 0;
    this.#adapter = options.adapter;
    this.#graph = options.graph;
    this.#session = options.session;
    this.#feeds = options.feeds;
    const { keyValueHeads, headSize } = options.shape;
    const empty = (): Result => ({
      data: new Float32Array(),
      dims: [1, keyValueHeads, 0, headSize],
    });
    this.#cache = Object.fromEntries(
      options.graph.cache.flatMap(({ pastKey, pastValue }) => [
        [pastKey, empty()],
        [pastValue, empty()],
      ]),
    );
  }

  /** Appends tokens and returns the logits [last,V] after the last so many of them. */
  async step(ids: readonly number[], last = 1): Promise<Float32Array> {
    const P = this.#past;
    const lead = P === 0 ? this.#lead : 0;
    const T = lead + ids.length;
    // The prompt is what comes first.
    const row = { start: 0, length: T, lead, prompt: P === 0 ? ids.length : undefined };
    const ofAdapter = this.#adapter?.feeds?.([row]);
    const outputs = await this.#session.run(
      {
        ...this.#feeds,
        ...this.#cache,
        [FEEDS.ids]: BigInt64Array.from({ length: T }, (_, t) => BigInt(ids[t - lead] ?? 0)),
        [FEEDS.positions]: BigInt64Array.from({ length: T }, (_, t) => BigInt(P + t)),
        ...ofAdapter?.feeds,
        [FEEDS.mask]: causalMask(T, P),
        [FEEDS.rows]: BigInt64Array.from({ length: last }, (_, row) => BigInt(T - last + row)),
      },
      { B: 1, R: last, T, P, S: P + T, ...ofAdapter?.sizes },
    );
    this.#past += T;
    const next: Record<string, Feed> = {};
    for (const { pastKey, pastValue, key, value } of this.#graph.cache) {
      const [keys, values] = [outputs[key], outputs[value]];
      if (!keys || !values) throw new Error("internal: the cache did not come back");
      next[pastKey] = keys;
      next[pastValue] = values;
    }
    this.#cache = next;
    const logits = outputs[this.#graph.logits]?.data;
    if (!(logits instanceof Float32Array)) throw new Error("internal: no logits");
    return logits;
  }
}
