/** From a configuration to the tensors of the output, on models that are headers alone. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { MergeConfig } from "../../../src/protocol/merge-config.ts";
import { InputError } from "../../../src/util/errors.ts";
import type { DType } from "../../../src/tensors/dtype.ts";
import type { TensorInfo } from "../../../src/tensors/safetensors.ts";
import type { OpenedModel } from "../../../src/merge/models/check-alike.ts";
import {
  type MethodPlan,
  type PlannedTensor,
  planMethodMerge,
} from "../../../src/merge/models/planned-tensors.ts";
import type { TensorSource } from "../../../src/merge/models/tensor-reader.ts";

const where = (keys: readonly PropertyKey[]): string => ["merge.yml", ...keys].join(" ");
const EMBEDDING = "model.embed_tokens.weight";
const HEAD = "lm_head.weight";
const up = (layer: number): string => `model.layers.${layer}.mlp.up_proj.weight`;

interface Made {
  layers: number;
  dtype?: DType;
  width?: number;
  hasHead?: boolean;
}

/** Layers first in its file, as none would write them. */
function model(
  dir: string,
  { layers, dtype = "F32", width = 4, hasHead = true }: Made,
): OpenedModel {
  const names = [
    ...Array.from({ length: layers }, (_, i) => up(i)),
    "model.norm.weight",
    EMBEDDING,
    ...(hasHead ? [HEAD] : []),
  ];
  const tensors = names.map((name): [string, TensorInfo] => {
    const file = `${dir}/${name === EMBEDDING ? "first" : "second"}.safetensors`;
    return [name, { name, dtype, shape: [3, width], file, byteOffset: 0, byteLength: 12 * width }];
  });
  return { dir, config: { model_type: "llama" }, tensors: new Map(tensors) };
}

function plan(config: MergeConfig, models: readonly OpenedModel[]): MethodPlan {
  const opened = new Map(models.map((one) => [one.dir, one]));
  return planMethodMerge({ config, where, models: opened, seed: 7, vocabulary: undefined });
}

/** "FOLDER NAME" of a source. */
function from(source: TensorSource): string {
  assert.ok("file" in source);
  return `${source.file.split("/")[0]} ${source.name}`;
}

const find = ({ tensors }: MethodPlan, name: string): PlannedTensor =>
  tensors.find((tensor) => tensor.name === name) ?? assert.fail(name);

const range = (name: string, first: number, end: number) => ({
  model: name,
  layer_range: [first, end] as [number, number],
});

suite("models whole", () => {
  const models = [model("a", { layers: 5, dtype: "BF16" }), model("b", { layers: 5 })];
  const config: MergeConfig = {
    merge_method: "linear",
    models: [
      { model: "a", parameters: { weight: [0, 1] } },
      { model: "b", parameters: { weight: 1 } },
    ],
  };

  test("keep the reference's tensors, order, format and files", () => {
    const found = plan(config, models);
    assert.equal(found.reference.dir, "a");
    assert.equal(found.layers, undefined);
    const kept = found.tensors.map(({ name, dtype, file }) => ({ name, dtype, file }));
    const own = [...models[0]!.tensors.values()].map(({ name, dtype, file }) => ({
      name,
      dtype,
      file,
    }));
    assert.deepEqual(kept, own);
    for (const { name, job } of found.tensors) {
      assert.deepEqual(job.models.map(from), [`a ${name}`, `b ${name}`]);
      assert.equal(job.base, undefined);
    }
  });

  test("a gradient goes from the first layer to the last; what is in none has its beginning", () => {
    const found = plan(config, models);
    const weight = (name: string): number => find(found, name).job.tensor.parameters.weight[0]!;
    assert.deepEqual(
      [0, 1, 2, 3, 4].map((layer) => weight(up(layer))),
      [0, 0.25, 0.5, 0.75, 1],
    );
    assert.deepEqual([EMBEDDING, HEAD, "model.norm.weight"].map(weight), [0, 0, 0]);
  });

  test("the one layer that there is has the gradient's end", () => {
    const found = plan(config, [model("a", { layers: 1 }), model("b", { layers: 1 })]);
    assert.equal(find(found, up(0)).job.tensor.parameters.weight[0], 1);
  });

  for (const [asked, dtype] of [
    [{ dtype: "float16" }, "F16"],
    [{ dtype: "float64", out_dtype: "float32" }, "F32"],
    [{ dtype: "float16", out_dtype: "bfloat16" }, "BF16"],
    [{}, "BF16"],
  ] as const) {
    test(`${JSON.stringify(asked)} writes ${dtype}`, () => {
      const { tensors } = plan({ ...config, ...asked }, models);
      assert.deepEqual(new Set(tensors.map((tensor) => tensor.dtype)), new Set([dtype]));
    });
  }

  test("the base is the reference, and apart from the models", () => {
    const asked: MergeConfig = {
      merge_method: "task-arithmetic",
      base_model: "b",
      models: [{ model: "a", parameters: { weight: 1 } }],
    };
    const found = plan(asked, models);
    assert.equal(found.reference.dir, "b");
    const { job, dtype } = find(found, up(2));
    assert.deepEqual(
      [from(job.base!), job.models.map(from), dtype],
      [`b ${up(2)}`, [`a ${up(2)}`], "F32"],
    );
  });
});

suite("a head that one of them shares with the embedding", () => {
  const untied = model("a", { layers: 1 });
  const tied = model("b", { layers: 1, hasHead: false });
  const config = (...names: string[]): MergeConfig => ({
    merge_method: "linear",
    parameters: { weight: 1 },
    models: names.map((name) => ({ model: name })),
  });

  test("is its embedding, and the output has one; where the reference has none, in its last file", () => {
    for (const names of [
      ["a", "b"],
      ["b", "a"],
    ]) {
      const { job, file } = find(plan(config(...names), [untied, tied]), HEAD);
      const expected = { a: `a ${HEAD}`, b: `b ${EMBEDDING}` };
      assert.deepEqual(
        job.models.map(from),
        names.map((name) => expected[name as "a" | "b"]),
      );
      // The embedding is the last tensor of "b", and lies in its first file.
      assert.equal(file, names[0] === "a" ? "a/second.safetensors" : "b/first.safetensors");
    }
  });

  test("is left out where all share it", () => {
    const other = model("a", { layers: 1, hasHead: false });
    const { tensors } = plan(config("a", "b"), [other, tied]);
    assert.equal(
      tensors.some(({ name }) => name === HEAD),
      false,
    );
  });
});

suite("slices", () => {
  const models = [model("a", { layers: 4 }), model("b", { layers: 6 })];

  test("number their layers anew; embedding of the first, norm and head of the last, in order of use", () => {
    const found = plan(
      {
        merge_method: "passthrough",
        slices: [{ sources: [range("a", 1, 3)] }, { sources: [range("b", 4, 6)] }],
      },
      models,
    );
    assert.deepEqual(
      found.tensors.map(({ name, job }) => [name, from(job.models[0]!)]),
      [
        [EMBEDDING, `a ${EMBEDDING}`],
        [up(0), `a ${up(1)}`],
        [up(1), `a ${up(2)}`],
        [up(2), `b ${up(4)}`],
        [up(3), `b ${up(5)}`],
        ["model.norm.weight", "b model.norm.weight"],
        [HEAD, `b ${HEAD}`],
      ],
    );
    assert.deepEqual(found.layers, [1, 2, 4, 5]);
    assert.ok(found.tensors.every(({ file }) => file === undefined));
  });

  test("mix layers of other numbers, and a gradient runs over each slice by itself", () => {
    const { tensors } = plan(
      {
        merge_method: "slerp",
        base_model: "a",
        parameters: { t: [0, 1] },
        slices: [
          { sources: [range("a", 0, 3), range("b", 3, 6)] },
          { sources: [range("b", 0, 2), range("a", 2, 4)] },
        ],
      },
      models,
    );
    const layers = tensors.filter(({ name }) => name.startsWith("model.layers."));
    assert.deepEqual(
      layers.map(({ job }) => [from(job.base!), from(job.models[0]!), job.tensor.parameters.t]),
      [
        [`a ${up(0)}`, `b ${up(3)}`, 0],
        [`a ${up(1)}`, `b ${up(4)}`, 0.5],
        [`a ${up(2)}`, `b ${up(5)}`, 1],
        [`a ${up(2)}`, `b ${up(0)}`, 0],
        [`a ${up(3)}`, `b ${up(1)}`, 1],
      ],
    );
  });
});

suite("what can't be planned", () => {
  const config: MergeConfig = {
    merge_method: "linear",
    parameters: { weight: 1 },
    models: [{ model: "a" }, { model: "b" }],
  };
  const refuses = (asked: MergeConfig, models: readonly OpenedModel[], message: string): void =>
    assert.throws(() => plan(asked, models), new InputError(message));
  const a = model("a", { layers: 2 });

  test("tensors of other shapes, or that are missing, with both folders", () => {
    refuses(
      config,
      [a, model("b", { layers: 2, width: 5 })],
      `a and b can't be mixed: tensor ${up(0)} is [3, 4] and [3, 5]`,
    );
    refuses(
      config,
      [a, model("b", { layers: 1 })],
      `b has no tensor ${up(1)}, which the others have`,
    );
  });

  test("float64, or a format that is no float", () => {
    const b = model("b", { layers: 2 });
    const why =
      "float64 is not written; give out_dtype, float32 or smaller (the arithmetic is in float64 anyway)";
    refuses({ ...config, dtype: "float64" }, [a, b], `merge.yml dtype: ${why}`);
    refuses({ ...config, out_dtype: "float64" }, [a, b], `merge.yml out_dtype: ${why}`);
    const whole: MergeConfig = { merge_method: "passthrough", models: [{ model: "c" }] };
    for (const asked of [whole, { ...whole, dtype: "float16" as const }]) {
      refuses(
        asked,
        [model("c", { layers: 1, dtype: "I8" })],
        `c/second.safetensors: tensor ${up(0)} is I8, expected F32, F16 or BF16`,
      );
    }
  });

  test("numbers for the base are told to change nothing", () => {
    const b = model("b", { layers: 2 });
    const { notes } = plan(
      {
        merge_method: "task-arithmetic",
        base_model: "a",
        models: [
          { model: "a", parameters: { weight: 2 } },
          { model: "b", parameters: { weight: 1 } },
        ],
      },
      [a, b],
    );
    assert.deepEqual(notes, [
      "merge.yml models 0 parameters: parameters of the base change nothing",
    ]);
  });
});
