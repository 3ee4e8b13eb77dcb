import assert from "node:assert/strict";
import path from "node:path";
import { type TestContext, suite, test } from "node:test";
import { NO_EXTRAS, type PeftExtras } from "../../../src/adapter-files/peft/extras.ts";
import {
  type VocabularyBase,
  checkTokens,
  fitBase,
  headOf,
  sourceOf,
} from "../../../src/adapter-files/peft/vocabulary.ts";
import { fromFloat32 } from "../../../src/tensors/dtype.ts";
import {
  type TensorInfo,
  readSafetensorsHeader,
  writeSafetensors,
} from "../../../src/tensors/safetensors.ts";
import { refuses } from "../../support/refuses.ts";
import { tempDir } from "../../support/temp-dir.ts";

const EMBEDDING = "model.embed_tokens.weight";
const HEAD = "lm_head.weight";
const PROJECTION = "model.layers.0.self_attn.q_proj.weight";
type Kind = "F32" | "BF16";

/** Row r, column c of a table is start + r + c/8: exact in bfloat16 for small tables. */
async function tables(
  dir: string,
  name: string,
  given: Readonly<Record<string, readonly [rows: number, start: number, dtype?: Kind]>>,
): Promise<ReadonlyMap<string, TensorInfo>> {
  const file = path.join(dir, `${name}.safetensors`);
  const tensors = Object.entries(given).map(([tensor, [rows, start, dtype = "F32"]]) => {
    const values = Float32Array.from(
      { length: rows * 4 },
      (_, i) => start + (i >> 2) + (i & 3) / 8,
    );
    return { name: tensor, dtype, shape: [rows, 4], data: fromFloat32(values, dtype) };
  });
  await writeSafetensors(file, tensors);
  return (await readSafetensorsHeader(file)).tensors;
}

async function llama(
  t: TestContext,
  { tied = true, both = !tied }: { tied?: boolean; both?: boolean } = {},
): Promise<VocabularyBase> {
  const dir = tempDir(t);
  const weights = await tables(dir, "model", {
    [EMBEDDING]: [5, 0],
    [PROJECTION]: [4, 0],
    ...(both ? { [HEAD]: [5, tied ? 0 : 1] as const } : {}),
  });
  return { dir, config: { model_type: "llama", tie_word_embeddings: tied }, weights };
}

function only(tensors: ReadonlyMap<string, TensorInfo>, name: string): TensorInfo {
  return tensors.get(name) ?? assert.fail(name);
}

const extras = (more: Partial<PeftExtras>): PeftExtras => ({ ...NO_EXTRAS, ...more });

suite("the two tables of a base", () => {
  test("are one where the head is tied: asked for the head, one gets the embedding", async (t) => {
    const base = await llama(t);
    assert.equal(headOf(base), HEAD);
    assert.equal(sourceOf(base, HEAD)?.name, EMBEDDING);
    assert.equal(sourceOf(base, PROJECTION)?.name, PROJECTION);
    assert.equal(sourceOf(base, "model.norm.weight"), undefined);
  });

  test("are two where they are stored apart, and a classifier has no head", async (t) => {
    const base = await llama(t, { tied: false });
    assert.equal(sourceOf(base, HEAD)?.name, HEAD);
    const headless = {
      ...base,
      weights: new Map([...base.weights].filter(([key]) => key !== HEAD)),
    };
    assert.equal(sourceOf(headless, HEAD), undefined);
  });
});

suite("a base with what an adapter makes of its tables", () => {
  test("is the base as it was where the adapter leaves them alone", async (t) => {
    for (const base of [await llama(t), await llama(t, { tied: false })]) {
      const fitted = await fitBase(base, NO_EXTRAS, [PROJECTION]);
      assert.deepEqual([...fitted.base.weights], [...base.weights]);
      assert.equal(fitted.untiesHead, false);
    }
  });

  test("gets a head of its own, with the embedding's values, where only one of the two is changed", async (t) => {
    for (const factors of [[EMBEDDING], [HEAD]]) {
      const base = await llama(t);
      const { base: fitted, untiesHead } = await fitBase(base, NO_EXTRAS, factors);
      assert.equal(untiesHead, true);
      const [head, embedding] = [only(fitted.weights, HEAD), only(fitted.weights, EMBEDDING)];
      assert.deepEqual({ ...head, name: EMBEDDING }, embedding);
      assert(!base.weights.has(HEAD), "what was given is not changed");
    }
  });

  test("is untied by an embedding that is trained whole, and not where PEFT ensures the tie", async (t) => {
    const base = await llama(t);
    const trained = await tables(base.dir, "adapter", { [EMBEDDING]: [5, 9], [HEAD]: [5, 9] });
    const one = new Map([[EMBEDDING, only(trained, EMBEDDING)]]);
    assert.equal((await fitBase(base, extras({ whole: one }))).untiesHead, true);
    const kept = await fitBase(base, extras({ whole: trained, ensuresTie: true }));
    assert.equal(kept.untiesHead, false);
    assert.deepEqual([...kept.whole.keys()], [EMBEDDING]);
    const apart = await tables(base.dir, "apart", { [EMBEDDING]: [5, 9], [HEAD]: [5, 8] });
    await refuses(
      fitBase(base, extras({ whole: apart, ensuresTie: true })),
      /tensors lm_head\.weight and model\.embed_tokens\.weight differ, though ensure_weight_tying/,
    );
  });

  test("stays tied with single tokens, whose rows PEFT saves once or twice", async (t) => {
    const base = await llama(t);
    const values = await tables(base.dir, "adapter", { a: [2, 7], b: [2, 7], c: [2, 6] });
    const rows = (tokens: readonly number[], name: string) => ({
      tokens,
      values: only(values, name),
    });
    const twice = new Map([
      [EMBEDDING, rows([1, 3], "a")],
      [HEAD, rows([1, 3], "b")],
    ]);
    const fitted = await fitBase(base, extras({ rows: twice }));
    assert.deepEqual([[...fitted.rows.keys()], fitted.untiesHead], [[EMBEDDING], false]);
    for (const other of [rows([1, 3], "c"), rows([1, 4], "b")]) {
      await refuses(
        fitBase(base, extras({ rows: new Map([...twice, [HEAD, other]]) })),
        /tensors \w and a differ, but the base holds head and embedding as one/,
      );
    }
    const untied = await fitBase(await llama(t, { tied: false }), extras({ rows: twice }));
    assert.deepEqual([...untied.rows.keys()], [EMBEDDING, HEAD]);
  });

  test("drops the second copy of a pair that a tied base stores twice, once one is changed", async (t) => {
    const base = await llama(t, { both: true });
    assert((await fitBase(base, NO_EXTRAS)).base.weights.has(HEAD));
    const changed = await fitBase(base, NO_EXTRAS, [EMBEDDING]);
    assert.equal(
      only(changed.base.weights, HEAD).byteOffset,
      only(base.weights, EMBEDDING).byteOffset,
    );
  });
});

suite("a vocabulary that grew", () => {
  const copy = (name: string, info: TensorInfo) => [{ name, copy: info }];

  test("is the adapter's table, of a tied pair for both", async (t) => {
    const base = await llama(t);
    const saved = only(await tables(base.dir, "adapter", { [EMBEDDING]: [7, 0] }), EMBEDDING);
    const { base: fitted } = await fitBase(base, extras({ copies: copy(EMBEDDING, saved) }));
    assert.equal(only(fitted.weights, EMBEDDING).file, saved.file);
    assert.equal(sourceOf(fitted, HEAD)?.shape[0], 7);
  });

  test("is the head's too where factors on the embedding give it one of its own", async (t) => {
    const base = await llama(t);
    const saved = only(await tables(base.dir, "adapter", { [EMBEDDING]: [7, 0] }), EMBEDDING);
    const more = extras({ copies: copy(EMBEDDING, saved) });
    const { base: fitted, untiesHead } = await fitBase(base, more, [EMBEDDING]);
    assert.equal(untiesHead, true);
    assert.deepEqual(only(fitted.weights, HEAD), { ...saved, name: HEAD });
  });

  test("is none where the copy is the base's own, be it rounded", async (t) => {
    const base = await llama(t);
    for (const dtype of ["F32", "BF16"] as const) {
      const saved = only(await tables(base.dir, dtype, { [EMBEDDING]: [5, 0, dtype] }), EMBEDDING);
      const { base: fitted } = await fitBase(base, extras({ copies: copy(EMBEDDING, saved) }));
      assert.equal(only(fitted.weights, EMBEDDING).file, only(base.weights, EMBEDDING).file);
    }
  });

  test("is refused of another base, by the tensor that differs", async (t) => {
    const base = await llama(t);
    const other = only(await tables(base.dir, "other", { [EMBEDDING]: [7, 0.5] }), EMBEDDING);
    await refuses(
      fitBase(base, extras({ copies: copy(EMBEDDING, other) })),
      /other\.safetensors: tensor model\.embed_tokens\.weight is PEFT's copy of the base's .* but differs from/,
    );
  });

  test("is refused where only one of two tables that are apart has it", async (t) => {
    const base = await llama(t, { tied: false });
    const saved = only(await tables(base.dir, "adapter", { [EMBEDDING]: [7, 0] }), EMBEDDING);
    await refuses(
      fitBase(base, extras({ copies: copy(EMBEDDING, saved) })),
      /is for a vocabulary of 7, but lm_head\.weight of .* has 5 rows .*save_embedding_layers=True/,
    );
  });
});

suite("what the base has no place for", () => {
  test("is named with both shapes", async (t) => {
    const base = await llama(t);
    const saved = await tables(base.dir, "adapter", { [PROJECTION]: [6, 0], x: [1, 0] });
    const whole = (name: string, info: string) =>
      fitBase(base, extras({ whole: new Map([[name, only(saved, info)]]) }));
    await refuses(
      whole(PROJECTION, PROJECTION),
      /tensor model\.layers\.0\.self_attn\.q_proj\.weight is \[6, 4\], but .* is \[4, 4\] in .*another base/,
    );
    await refuses(whole("score.weight", "x"), /tensor x is \[1, 4\], but score\.weight is not in/);
  });

  test("is two tensors of one module that differ", async (t) => {
    const base = await llama(t);
    const saved = await tables(base.dir, "adapter", { a: [2, 0], b: [2, 1], c: [2, 0], d: [3, 0] });
    const twins = (one: string, other: string) =>
      fitBase(base, extras({ twins: [[only(saved, one), only(saved, other)]] }));
    await twins("a", "c");
    await refuses(twins("a", "b"), /tensors a and b differ, though both are of one module/);
    await refuses(twins("a", "d"), /tensors a and d differ/);
  });

  test("is a token beyond its rows, or rows of another width", async (t) => {
    const base = await llama(t);
    const own = only(base.weights, EMBEDDING);
    const values = only(await tables(base.dir, "adapter", { rows: [2, 0] }), "rows");
    checkTokens({ tokens: [0, 4], values }, own, EMBEDDING);
    assert.throws(() => checkTokens({ tokens: [0, 5], values }, own, EMBEDDING), {
      name: "InputError",
      message: /tensor rows is \[2, 4\], for token 5 among others, but .* is \[5, 4\]: /,
    });
    assert.throws(
      () => checkTokens({ tokens: [0, 4], values: { ...values, shape: [2, 3] } }, own, EMBEDDING),
      /tensor rows is \[2, 3\], but model\.embed_tokens\.weight is \[5, 4\]/,
    );
    assert.throws(() => checkTokens({ tokens: [0], values }, undefined, "x"), /but x is not there/);
  });
});
