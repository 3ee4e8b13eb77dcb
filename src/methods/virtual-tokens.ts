/** Tokens in front of every row that stand for no text: where they are, and what stands at their places. */
import type { PeftConfig } from "../adapter-files/peft/any-config.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import type { Value } from "../graph/graph.ts";
import type { AdapterContext, AdapterFeeds, RowPlace, TrainedAdapter } from "./method.ts";
import { modulesToSave } from "./peft.ts";

/** PEFT's name of the one tensor of prompt and prefix tuning. */
export const PROMPT_EMBEDDINGS = "prompt_embeddings";

/** Names of the graph's inputs. */
const FEEDS = { isVirtual: "virtual", isReal: "virtual.not", slots: "virtual.slots" } as const;

/** What the row's own tokens have of x [N,·], and rows of `table` [tokens,·] at the virtual ones. */
export type Replace = (x: Value, table: Value) => Value;

export function virtualTokens({ b, tokens }: AdapterContext): Replace {
  let inputs: { isVirtual: Value; isReal: Value; slots: Value } | undefined;
  return (x, table) => {
    inputs ??= {
      isVirtual: b.input(FEEDS.isVirtual, "float32", [tokens, 1]),
      isReal: b.input(FEEDS.isReal, "float32", [tokens, 1]),
      slots: b.input(FEEDS.slots, "int64", [tokens]),
    };
    return replaced(b, { x, table }, inputs);
  };
}

function replaced(
  b: GraphBuilder,
  { x, table }: { x: Value; table: Value },
  { isVirtual, isReal, slots }: { isVirtual: Value; isReal: Value; slots: Value },
): Value {
  const ofVirtual = b.apply("GatherRows", [table, slots], {});
  return b.add(b.mul(x, isReal), b.mul(ofVirtual, isVirtual));
}

/** 1 for a virtual token and 0 for one of the row's own, the other way round, and which of the virtual ones it is. */
export function virtualFeeds(rows: readonly RowPlace[]): AdapterFeeds {
  const places = rows.flatMap(({ length, lead }) =>
    Array.from({ length }, (_, t) => (t < lead ? t : -1)),
  );
  const isVirtual = Float32Array.from(places, (t) => (t >= 0 ? 1 : 0));
  return {
    feeds: {
      [FEEDS.isVirtual]: isVirtual,
      [FEEDS.isReal]: isVirtual.map((one) => 1 - one),
      [FEEDS.slots]: BigInt64Array.from(places, (t) => BigInt(Math.max(t, 0))),
    },
    sizes: {},
  };
}

/** Older versions of PEFT do not know the key of what is trained beside virtual tokens. */
export function besideVirtual(trained: TrainedAdapter): Partial<PeftConfig> {
  const modules = modulesToSave(trained);
  return modules ? { modules_to_save: modules } : {};
}
