/** The merged vocabulary of models whose tokenizer.json is written by hand; ids by mergekit's rules. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, suite, test } from "node:test";
import type { MergeConfig } from "../../../src/protocol/merge-config.ts";
import { type OpenedModel, openModel } from "../../../src/merge/models/check-alike.ts";
import { type MergedVocabulary, mergedVocabulary } from "../../../src/merge/models/vocabulary.ts";
import { refuses } from "../../support/refuses.ts";
import { tempDir } from "../../support/temp-dir.ts";

const where = (keys: readonly PropertyKey[]): string => `merge.yml ${keys.join(".")}`;
const GOLDEN = path.join(import.meta.dirname, "../../golden/mergekit");

interface Given {
  /** In the order of their ids; left out, there is no tokenizer.json. */
  plain?: readonly string[];
  special?: readonly (readonly [token: string, id: number])[];
  /** `vocab_size`; left out, config.json has none. */
  size?: number;
}

const added = ([content, id]: readonly [string, number]) => ({
  id,
  content,
  single_word: false,
  lstrip: true,
  rstrip: false,
  normalized: false,
  special: true,
});

function setUp(t: TestContext, given: Record<string, Given>) {
  const dir = tempDir(t);
  const models = new Map<string, OpenedModel>();
  for (const [name, { plain, special = [], size }] of Object.entries(given)) {
    const folder = path.join(dir, name);
    mkdirSync(folder);
    if (plain) {
      const vocab = Object.fromEntries(plain.map((token, id) => [token, id]));
      const tokenizer = { added_tokens: special.map(added), model: { type: "BPE", vocab } };
      writeFileSync(path.join(folder, "tokenizer.json"), JSON.stringify(tokenizer));
    }
    const config = size === undefined ? {} : { vocab_size: size };
    models.set(folder, { dir: folder, config, tensors: new Map() });
  }
  const at = (name: string): string => path.join(dir, name);
  const merged = (config: Partial<MergeConfig>): Promise<MergedVocabulary | undefined> =>
    mergedVocabulary({ config: { merge_method: "linear", ...config }, where, seed: 0 }, models);
  return { at, merged };
}

/** Tokens by their ids. */
function listed({ ids }: MergedVocabulary): string {
  const tokens: string[] = [];
  for (const [token, id] of ids) tokens[id] = token;
  return Array.from(tokens, (token) => token ?? "-").join(" ");
}

const TWO: Record<string, Given> = {
  one: { plain: ["a", "b"], special: [["<s>", 2]] },
  two: {
    plain: ["c", "a", "d"],
    special: [
      ["<t>", 3],
      ["<s>", 4],
    ],
  },
};

test("none is made where none is asked for", async (t) => {
  assert.equal(await setUp(t, TWO).merged({}), undefined);
});

suite("union", () => {
  test("the base's ids stay; the others' plain tokens follow, then their special ones", async (t) => {
    const { merged, at } = setUp(t, TWO);
    const found = (await merged({ tokenizer_source: "union" }))!;
    assert.equal(listed(found), "a b <s> c d <t>");
    assert.equal(found.size, 6);
    assert.equal(found.tokenizerDir, at("one"));
    const plain = {
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: true,
      special: false,
    };
    assert.deepEqual(found.added, [
      { ...plain, id: 3, content: "c" },
      { ...plain, id: 4, content: "d" },
      added(["<t>", 5]),
    ]);
  });

  test("begins with the base's where one is named, which need not be the first", async (t) => {
    const { merged, at } = setUp(t, TWO);
    const found = (await merged({ base_model: at("two"), tokenizer_source: "union" }))!;
    assert.equal(listed(found), "c a d <t> <s> b");
    assert.equal(found.baseDir, at("two"));
  });

  test("what is beyond a model's embedding is none of its tokens", async (t) => {
    const { merged } = setUp(t, {
      one: { ...TWO["one"], size: 2 },
      two: { ...TWO["two"], size: 4 },
    });
    const found = (await merged({ tokenizer_source: "union" }))!;
    // "<s>" is beyond both.
    assert.equal(listed(found), "a b c d <t>");
    assert.equal(found.end, 2);
  });

  test("every model's every token is there once, whatever the vocabularies", async (t) => {
    const { merged } = setUp(t, {
      one: { plain: ["x", "y", "z"] },
      two: { plain: ["z", "y", "x"] },
      three: { plain: ["q", "x"], special: [["<q>", 2]] },
    });
    const { ids, size, padding } = (await merged({ tokenizer_source: "union" }))!;
    assert.deepEqual([...ids.keys()].toSorted(), ["<q>", "q", "x", "y", "z"]);
    assert.deepEqual(
      [...ids.values()].toSorted((a, b) => a - b),
      [0, 1, 2, 3, 4],
    );
    assert.deepEqual([size, padding], [5, 0]);
  });
});

suite("one model's vocabulary", () => {
  test("is the base's, or a named one's, with nothing more", async (t) => {
    const { merged, at } = setUp(t, TWO);
    const base = (await merged({ tokenizer_source: "base" }))!;
    assert.deepEqual([listed(base), base.added, base.tokenizerDir], ["a b <s>", [], at("one")]);
    const other = (await merged({ tokenizer_source: at("two") }))!;
    assert.deepEqual(
      [listed(other), other.added, other.tokenizerDir],
      ["c a d <t> <s>", [], at("two")],
    );
    assert.equal(other.baseDir, at("one"));
  });

  test("tokens that are named beside it are added as plain ones, known ones are not again", async (t) => {
    const { merged } = setUp(t, TWO);
    const tokens = { new: { source: { kind: "zero" } }, b: {} } as const;
    const found = (await merged({ tokenizer: { source: "base", tokens } }))!;
    assert.equal(listed(found), "a b <s> new");
    assert.deepEqual(
      found.added.map(({ content, id }) => [content, id]),
      [["new", 3]],
    );
    assert.deepEqual(found.tokens, tokens);
  });

  for (const [multiple, size] of [
    [1, 3],
    [3, 3],
    [4, 4],
    [64, 64],
  ] as const) {
    test(`its 3 rows are filled up to ${size} by pad_to_multiple_of ${multiple}`, async (t) => {
      const tokenizer = { source: "base", pad_to_multiple_of: multiple };
      const found = (await setUp(t, TWO).merged({ tokenizer }))!;
      assert.deepEqual([found.size, found.padding], [size, size - 3]);
    });
  }
});

test("a model without a tokenizer has the base's, cut at its own size", async (t) => {
  const { merged, at } = setUp(t, { one: TWO["one"]!, bare: { size: 2 } });
  const { own } = (await merged({ tokenizer_source: "base" }))!;
  assert.deepEqual(own.get(at("bare")), { ...own.get(at("one"))!, size: 2 });
});

test("mergekit's own two vocabularies: special tokens are in `vocab`, too, and taken last", async () => {
  const dirs = ["words", "speech"].map((name) => path.join(GOLDEN, name));
  const models = new Map<string, OpenedModel>();
  for (const dir of dirs) models.set(dir, await openModel(dir));
  const config: MergeConfig = { merge_method: "linear", tokenizer_source: "union" };
  const found = (await mergedVocabulary({ config, where, seed: 0 }, models))!;
  // Both have <unk>, <s>, the, to, sea, a and river; "talks" is new, and what lies within speech's rows.
  const { size } = found.own.get(dirs[1]!)!;
  const late = [
    ["<end>", 8],
    ["<more>", 9],
  ].flatMap(([token, id]) => (Number(id) < size ? token : []));
  const own = "<unk> <s> the river runs to sea a mill old";
  assert.equal(listed(found), [own, "talks", ...late].join(" "));
});

suite("what can't be used", () => {
  test("two ways to ask, a source that is none of the models, or one without a tokenizer", async (t) => {
    const { merged, at } = setUp(t, { ...TWO, bare: {} });
    await refuses(
      merged({ tokenizer_source: "base", tokenizer: { source: "base" } }),
      /^merge\.yml tokenizer: give tokenizer_source or tokenizer, one of them$/u,
    );
    await refuses(
      merged({ tokenizer_source: "/else" }),
      /^merge\.yml tokenizer_source: \/else is none of the models; name one, or "base"$/u,
    );
    await refuses(
      merged({ tokenizer: { source: at("bare") } }),
      /^merge\.yml tokenizer: \S+bare has no tokenizer\.json$/u,
    );
  });

  test("a base without a tokenizer, where another's is chosen and a third needs one", async (t) => {
    const { merged, at } = setUp(t, { bare: {}, ...TWO });
    await refuses(merged({ tokenizer_source: at("one") }), /bare has no tokenizer\.json$/u);
  });

  for (const entry of [{ id: 1.5, content: "x" }, { id: "1", content: "x" }, { id: 1 }]) {
    test(`an added token ${JSON.stringify(entry)}`, async (t) => {
      const { merged, at } = setUp(t, TWO);
      const file = path.join(at("two"), "tokenizer.json");
      writeFileSync(file, JSON.stringify({ added_tokens: [entry], model: { vocab: {} } }));
      await assert.rejects(merged({ tokenizer_source: "union" }), {
        message: `${file}: added_tokens: each needs an id and its content`,
      });
    });
  }
});
