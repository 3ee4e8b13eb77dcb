/** Which rows make those of a merged vocabulary, on three small vocabularies with rows told by hand. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { InputError } from "../../../src/util/errors.ts";
import { familyOf } from "../../../src/families/registry.ts";
import type { DType } from "../../../src/tensors/dtype.ts";
import type { TensorInfo } from "../../../src/tensors/safetensors.ts";
import {
  type Aligned,
  alignedRows,
  isVocabularyTensor,
} from "../../../src/merge/models/vocabulary-alignment.ts";
import type { MergedVocabulary } from "../../../src/merge/models/vocabulary.ts";

const family = familyOf({ model_type: "llama" });
const dirs = ["base", "one", "two"];
/** Tokens of each model, in the order of their rows. */
const WORDS = [
  ["a", "b", "c"],
  ["b", "a", "d"],
  ["a", "b", "d", "e"],
];

function info(dir: string, shape: readonly number[], dtype: DType = "F32"): TensorInfo {
  const name = "model.embed_tokens.weight";
  return { name, dtype, shape, file: `${dir}/model.safetensors`, byteOffset: 0, byteLength: 0 };
}

const INFOS = WORDS.map((words, i) => info(dirs[i]!, [words.length, 2]));

function vocabulary(
  words: readonly string[],
  more: Partial<Pick<MergedVocabulary, "tokens" | "padding" | "own">> = {},
): MergedVocabulary {
  const { padding = 0 } = more;
  const idsOf = (all: readonly string[]) => new Map(all.map((word, id) => [word, id]));
  const own = new Map(
    WORDS.map((all, i) => [dirs[i]!, { ids: idsOf(all), size: all.length, added: [] }]),
  );
  return {
    ids: idsOf(words),
    size: words.length + padding,
    padding,
    own,
    baseDir: "base",
    tokens: {},
    tokenizerDir: "base",
    added: [],
    end: Infinity,
    ...more,
  };
}

const align = (merged: MergedVocabulary, infos: readonly TensorInfo[] = INFOS) =>
  alignedRows(infos, { family, dirs, vocabulary: merged });

/** A text for each model, "rows×source:row+source:row" for each of its runs. */
function shown(aligned: Aligned | undefined): string[] | undefined {
  return aligned?.sources.map(({ runs }) =>
    runs
      .map(
        ({ rows, from }) =>
          `${rows}×${from.map(({ source, row }) => `${source}:${row}`).join("+")}`,
      )
      .join(" "),
  );
}

suite("rows", () => {
  test("are each model's own where all have the token, joined where they follow one another", () => {
    assert.deepEqual(shown(align(vocabulary(["a", "b"]))), ["2×0:0", "1×1:1 1×1:0", "2×2:0"]);
    assert.deepEqual(align(vocabulary(["a", "b"]))?.shape, [2, 2]);
  });

  test("are not joined over what is left out between them", () => {
    assert.equal(shown(align(vocabulary(["a", "c"])))![0], "1×0:0 1×0:2");
    assert.equal(shown(align(vocabulary(["a", "d"])))![2], "1×2:0 1×2:2");
  });

  test("of a token that one lacks are the base's, which has it", () => {
    assert.deepEqual(shown(align(vocabulary(["b", "c"]))), ["2×0:1", "1×1:0 1×0:2", "1×2:1 1×0:2"]);
  });

  test("of a token that the base lacks, too, are the only one or the mean of those that there are", () => {
    // "e" is in two alone; "d" in one, row 2, and in two, row 2.
    assert.deepEqual(shown(align(vocabulary(["e", "d"]))), [
      "1×2:3 1×1:2+2:2",
      "1×2:3 1×1:2",
      "1×2:3 1×2:2",
    ]);
  });

  test("of a token that none has are zeros", () => {
    assert.deepEqual(shown(align(vocabulary(["?", "!"]))), ["2×", "2×", "2×"]);
  });

  test("beyond a model's embedding, or beyond its vocabulary, are none of its", () => {
    // The tokenizer of "base" says "c" is row 2, but its table ends before it, or is not used so far.
    const short = [info("base", [2, 2]), ...INFOS.slice(1)];
    assert.deepEqual(shown(align(vocabulary(["c"]), short)), ["1×", "1×", "1×"]);
    const { own } = vocabulary([]);
    const cut = new Map([...own, ["base", { ...own.get("base")!, size: 2 }]]);
    assert.deepEqual(shown(align(vocabulary(["c"], { own: cut }))), ["1×", "1×", "1×"]);
  });

  test("that fill up come behind, for every model", () => {
    const found = align(vocabulary(["a", "b", "c"], { padding: 5 }))!;
    assert.deepEqual(found.shape, [8, 2]);
    assert.deepEqual(
      found.sources.map(({ padding }) => padding),
      [5, 5, 5],
    );
    assert.deepEqual(
      found.sources.map(({ columns }) => columns),
      [2, 2, 2],
    );
  });

  test("of an id that no token has are zeros, and so the table is as long as its last id says", () => {
    const merged = {
      ...vocabulary([]),
      ids: new Map([
        ["a", 0],
        ["b", 2],
      ]),
      size: 3,
    };
    assert.deepEqual(shown(align(merged)), ["1×0:0 1× 1×0:1", "1×1:1 1× 1×1:0", "1×2:0 1× 1×2:1"]);
  });
});

suite("a token's own source", () => {
  const b = ["a", "b"];
  for (const [name, token, source, force, expected] of [
    ["is for those that lack it", "d", "two", false, ["1×2:2", "1×1:2", "1×2:2"]],
    ["is for all where it is forced", "d", "two", true, ["1×2:2", "1×2:2", "1×2:2"]],
    ["is zeros where it says so", "d", { kind: "zero" }, false, ["1×", "1×1:2", "1×2:2"]],
    [
      "may be another token",
      "new",
      { kind: "model_token", model: "one", token: "a" },
      false,
      ["1×1:1", "1×1:1", "1×1:1"],
    ],
    [
      "may be a row by its number",
      "new",
      { kind: "model_token", model: "two", token_id: 3 },
      false,
      ["1×2:3", "1×2:3", "1×2:3"],
    ],
  ] as const) {
    test(name, () => {
      const merged = vocabulary([token], { tokens: { [token]: { source, force } } });
      assert.deepEqual(shown(align(merged)), expected);
    });
  }

  test("is not asked for where all have the token", () => {
    assert.deepEqual(shown(align(vocabulary(b, { tokens: { b: { source: "none" } } }))), [
      "2×0:0",
      "1×1:1 1×1:0",
      "2×2:0",
    ]);
  });

  for (const [token, given, message] of [
    ["d", {}, "needs a source, since not every model has it"],
    ["d", { source: "/else" }, "comes from /else, which is none of the models that are mixed"],
    ["d", { source: "base" }, 'comes from "d" of base, which is not there'],
    [
      "d",
      { source: { kind: "model_token", model: "one", token: "e" } },
      'comes from "e" of one, which is not there',
    ],
    [
      "d",
      { source: { kind: "model_token", model: "one", token_id: 3 } },
      "comes from 3 of one, which is not there",
    ],
  ] as const) {
    test(message, () => {
      assert.throws(
        () => align(vocabulary([token], { tokens: { [token]: given } })),
        new InputError(`tokenizer: tokens: ${JSON.stringify(token)} ${message}`),
      );
    });
  }
});

suite("nothing is to be done", () => {
  test("where no vocabulary is asked for, or the tensor has no row for each token", () => {
    assert.equal(alignedRows(INFOS, { family, dirs, vocabulary: undefined }), undefined);
    const norms = INFOS.map((one) => ({ ...one, name: "model.norm.weight" }));
    assert.equal(align(vocabulary(["d"]), norms), undefined);
  });

  test("where every table is as it shall be already, rows in their order and no more of them", () => {
    const same = vocabulary(["a", "b", "c"]);
    const own = new Map(dirs.map((dir) => [dir, same.own.get("base")!]));
    const infos = dirs.map((dir) => info(dir, [3, 2]));
    assert.equal(align({ ...same, own }, infos), undefined);
    const longer = dirs.map((dir) => info(dir, [4, 2]));
    assert.deepEqual(shown(align({ ...same, own }, longer)), ["3×0:0", "3×1:0", "3×2:0"]);
    assert.deepEqual(align({ ...same, own, padding: 1, size: 4 }, infos)?.shape, [4, 2]);
  });
});

test("rows of other widths, or of a type that is no float, can't be mixed", () => {
  const refuses = (last: TensorInfo, found: string): void =>
    assert.throws(
      () => align(vocabulary(["d"]), [...INFOS.slice(0, 2), last]),
      new InputError(
        `two/model.safetensors: tensor model.embed_tokens.weight is ${found}, that of base/model.safetensors is F32 [3, 2]: they can't be mixed`,
      ),
    );
  refuses(info("two", [4, 3]), "F32 [4, 3]");
  refuses(info("two", [4, 2], "I8"), "I8 [4, 2]");
});

test("a head's bias has an element for each token, too", () => {
  for (const [name, expected] of [
    ["model.embed_tokens.weight", true],
    ["lm_head.weight", true],
    ["lm_head.bias", true],
    ["model.norm.weight", false],
    ["model.layers.0.mlp.up_proj.weight", false],
  ] as const) {
    assert.equal(isVocabularyTensor(family, name), expected, name);
  }
  const biases = INFOS.map((one) => ({
    ...one,
    name: "lm_head.bias",
    shape: one.shape.slice(0, 1),
  }));
  const found = align(vocabulary(["a"]), biases)!;
  assert.deepEqual(found.shape, [1]);
  assert.deepEqual(
    found.sources.map(({ columns }) => columns),
    [1, 1, 1],
  );
});
