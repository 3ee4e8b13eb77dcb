/** Which number a parameter is for a tensor: mergekit's rules, with values reckoned by hand. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { InputError } from "../../../src/util/errors.ts";
import {
  MERGE_METHODS,
  MERGE_PARAMETERS,
  METHOD_NAMES,
  type MergeParameterName,
} from "../../../src/protocol/merge-methods.ts";
import type { MergeParameters } from "../../../src/protocol/merge-config.ts";
import type { TensorParameters } from "../../../src/merge/methods/method.ts";
import {
  type ParameterScopes,
  type Scope,
  parameterNotes,
  tensorParameters,
} from "../../../src/merge/models/tensor-parameters.ts";

const where = (keys: readonly PropertyKey[]): string => `merge.yml ${keys.join(".")}`;
const NAME = "model.layers.1.mlp.up_proj.weight";

function scope(parameters: MergeParameters | undefined, ...keys: PropertyKey[]): Scope {
  return { parameters, keys: [...keys, "parameters"] };
}

interface Asked {
  method?: ParameterScopes["method"];
  /** What each model says, then the whole file. */
  models?: readonly (MergeParameters | undefined)[];
  file?: MergeParameters;
  slice?: MergeParameters;
  name?: string;
  tensors?: readonly string[];
  depth?: number;
  seed?: number;
}

function parameters({
  method = "task-arithmetic",
  models = [{ weight: 1 }],
  file,
  slice,
  name = NAME,
  tensors = models.map(() => name),
  depth = 0,
  seed = 0,
}: Asked): TensorParameters {
  const shared = [scope(slice, "slices", 0), scope(file)];
  const each = models.map((own, i) => ({
    dir: `/models/${i}`,
    tensor: tensors[i]!,
    scopes: [{ ...scope(own, "models", i), isOfModel: true }, ...shared],
  }));
  return tensorParameters({ method, models: each, shared, where, seed }, { name, depth });
}

const refuses = (asked: Asked, message: string): void =>
  assert.throws(() => parameters(asked), new InputError(message));

suite("the innermost place that says a number decides", () => {
  test("the model's own before the slice's before the file's", () => {
    const all = {
      models: [{ weight: 2 }, {}, undefined],
      slice: { weight: 3 },
      file: { weight: 4 },
    };
    assert.deepEqual(parameters(all).weight, [2, 3, 3]);
    assert.deepEqual(parameters({ ...all, slice: {} }).weight, [2, 4, 4]);
    assert.equal(parameters({ slice: { lambda: 0.5 }, file: { lambda: 2 } }).lambda, 0.5);
  });

  test("a number of all is not read from one model's place", () => {
    const { lambda } = parameters({ models: [{ weight: 1, lambda: 7 }] });
    assert.equal(lambda, MERGE_METHODS["task-arithmetic"].parameters.lambda);
  });

  test("a place whose filters all miss passes the question on", () => {
    const filtered = { weight: [{ filter: "self_attn", value: 9 }] };
    assert.deepEqual(parameters({ models: [filtered], file: { weight: 0.25 } }).weight, [0.25]);
  });
});

suite("filters", () => {
  const weight = [
    { filter: "self_attn", value: 1 },
    { filter: "mlp.up", value: 2 },
    { filter: "mlp", value: 3 },
    { value: 4 },
  ];
  for (const [name, expected] of [
    ["model.layers.0.self_attn.q_proj.weight", 1],
    ["model.layers.0.mlp.up_proj.weight", 2],
    ["model.layers.0.mlp.down_proj.weight", 3],
    ["model.norm.weight", 4],
  ] as const) {
    test(`the first one that is part of the name decides: ${name}`, () => {
      assert.deepEqual(parameters({ models: [{ weight }], name }).weight, [expected]);
    });
  }

  test("a model's own filter sees the tensor as that model calls it, one for all as the output does", () => {
    const own = { weight: [{ filter: "layers.7", value: 5 }, { value: 6 }] };
    const asked = {
      method: "ties" as const,
      models: [own, own],
      tensors: ["model.layers.7.mlp.up_proj.weight", NAME],
      file: {
        lambda: [
          { filter: "layers.7", value: 0 },
          { filter: "layers.1", value: 0.5 },
        ],
      },
    };
    assert.deepEqual(parameters(asked).weight, [5, 6]);
    assert.equal(parameters(asked).lambda, 0.5);
  });

  test("a star and a single condition that is no list fit every tensor", () => {
    assert.deepEqual(parameters({ models: [{ weight: { filter: "*", value: 8 } }] }).weight, [8]);
    assert.deepEqual(parameters({ models: [{ weight: { value: 8 } }] }).weight, [8]);
  });
});

suite("anchors over the layers", () => {
  // Anchors stand at 0, 1/2 and 1.
  for (const [depth, expected] of [
    [0, 0],
    [0.25, 0.5],
    [0.5, 1],
    [0.75, 0.75],
    [0.9, 0.6],
    [1, 0.5],
  ] as const) {
    test(`[0, 1, 0.5] at depth ${depth} is ${expected}`, () => {
      const [value = Number.NaN] = parameters({ models: [{ weight: [0, 1, 0.5] }], depth }).weight;
      assert.ok(Math.abs(value - expected) < 1e-15, String(value));
    });
  }

  test("one anchor is the same everywhere; a condition's may be several", () => {
    for (const depth of [0, 0.3, 1]) {
      assert.deepEqual(parameters({ models: [{ weight: [0.7] }], depth }).weight, [0.7]);
    }
    const weight = [{ filter: "mlp", value: [0, 8] }];
    assert.deepEqual(parameters({ models: [{ weight }], depth: 0.25 }).weight, [2]);
  });

  test("a switch holds from one anchor to before the next", () => {
    const file = { normalize: [true, false, true] };
    const found = [0, 0.49, 0.5, 0.99, 1].map((depth) => parameters({ file, depth }).normalize);
    assert.deepEqual(found, [true, true, false, false, true]);
  });
});

suite("what is not said", () => {
  for (const method of METHOD_NAMES) {
    test(`${method} takes its own numbers, and what it does not read is neutral`, () => {
      const read: Partial<Record<MergeParameterName, number | boolean>> = {};
      const needed: MergeParameters = {};
      for (const [key, value] of Object.entries(MERGE_METHODS[method].parameters)) {
        const name = key as MergeParameterName;
        // What must be said is said, by a number that is no one's default.
        if (value === "needed") needed[name] = read[name] = 0.375;
        else read[name] = value;
      }
      const found = parameters({ method, models: [undefined, undefined], file: needed });
      for (const [key, { of, kind }] of Object.entries(MERGE_PARAMETERS)) {
        const name = key as MergeParameterName;
        // A factor of 1 and a switch that is off change nothing; t is how far to go from the base.
        const neutral = kind === "flag" ? false : name === "t" ? 0 : 1;
        const one = read[name] ?? neutral;
        assert.deepEqual(found[name], of === "all" ? one : [one, one], name);
      }
    });
  }

  test("a number that the method needs is asked for at its place", () => {
    refuses({ method: "slerp" }, "merge.yml parameters: slerp needs t");
    refuses(
      { method: "ties", models: [{ weight: 1 }, { density: 0.5 }] },
      "merge.yml models.1: /models/1 has no weight; ties needs one of each model",
    );
  });
});

suite("ranges", () => {
  for (const [method, file, message] of [
    ["slerp", { t: Number.NaN }, "parameters.t: t must be a number, found NaN"],
    ["slerp", { t: Infinity }, "parameters.t: t must be a number, found Infinity"],
    [
      "karcher",
      { max_iter: 1.5 },
      "parameters.max_iter: max_iter must be a whole number from 0 to 10000, found 1.5",
    ],
    [
      "karcher",
      { max_iter: 10_001 },
      "parameters.max_iter: max_iter must be a whole number from 0 to 10000, found 10001",
    ],
    [
      "dare-ties",
      { weight: 1, density: -0.1 },
      "parameters.density: density must be at least 0, found -0.1",
    ],
  ] as const) {
    test(`${method} refuses ${JSON.stringify(file)}`, () => {
      refuses({ method, models: [undefined], file }, `merge.yml ${message}`);
    });
  }

  test("the place of a model's own number is named", () => {
    const models = [{ weight: 1 }, { weight: 1, density: [0.5, -1.5] }];
    refuses(
      { method: "dare-linear", models, depth: 1 },
      "merge.yml models.1.parameters.density: density must be at least 0, found -1.5",
    );
  });

  test("mergekit's arithmetic takes any density, t and gamma, and so does this", () => {
    for (const density of [-0.5, 0, 1, 1.5]) {
      const models = [{ weight: 1, density }];
      assert.deepEqual(parameters({ method: "ties", models }).density, [density]);
    }
    for (const t of [-0.1, 1.5, 3]) {
      assert.equal(parameters({ method: "slerp", file: { t } }).t, t);
      assert.equal(parameters({ method: "nearswap", file: { t } }).t, t);
    }
    const crumbs = { method: "breadcrumbs", file: { weight: 1, gamma: 2 } } as const;
    assert.deepEqual(parameters(crumbs).gamma, [2]);
  });
});

suite("a mean needs weights with a sum", () => {
  test("linear refuses weights that cancel, unless they are only summed", () => {
    const asked = { method: "linear", models: [{ weight: 0.5 }, { weight: -0.5 }] } as const;
    refuses(
      asked,
      `merge.yml models.0.parameters: the weights of ${NAME} are 0.5, -0.5: their sum is 0 and can't be normalised; change them, or set normalize to false`,
    );
    assert.deepEqual(parameters({ ...asked, file: { normalize: false } }).weight, [0.5, -0.5]);
  });

  test("so does multislerp, by the name of its own switch", () => {
    const asked = { method: "multislerp", models: [{ weight: 0 }, { weight: 0 }] } as const;
    assert.throws(() => parameters(asked), /are 0, 0: .* or set normalize_weights to false$/u);
    assert.doesNotThrow(() => parameters({ ...asked, file: { normalize_weights: false } }));
  });

  test("task vectors go without, as in mergekit", () => {
    const models = [{ weight: 1 }, { weight: -1 }];
    assert.deepEqual(parameters({ models, file: { normalize: true } }).weight, [1, -1]);
  });
});

test("masks are another for each seed, tensor and model, and the same for the same", () => {
  const models = [{ weight: 1 }, { weight: 1 }];
  const keys = [
    parameters({ models }),
    parameters({ models, seed: 1 }),
    parameters({ models, name: "lm_head.weight" }),
  ].flatMap((each) => each.keys.map((key) => key.join()));
  assert.equal(new Set(keys).size, 6);
  assert.deepEqual(parameters({ models }).keys, parameters({ models, depth: 0.5 }).keys);
  // `printf '0\0model.layers.1.mlp.up_proj.weight\0001' | sha256sum`: the first eight bytes.
  const hash = "c213202ca6221837";
  const words = parameters({ models }).keys[1]!.map((word) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(word);
    return bytes.toString("hex");
  });
  assert.equal(words.join(""), hash);
});

suite("notes", () => {
  test("a number that the method does not read is told, with what it reads", () => {
    const notes = parameterNotes("slerp", [scope({ t: 0.5, density: 0.2 })], where);
    assert.deepEqual(notes, [
      "merge.yml parameters.density: slerp does not read density, so that it changes nothing; it reads t",
    ]);
    const [none] = parameterNotes("model-soup", [scope({ weight: 1 }, "models", 0)], where);
    assert.match(none!, /^merge.yml models\.0\.parameters\.weight: .* it reads none$/u);
  });

  test("so is what speaks of all in one model's place, and mergekit's int8_mask", () => {
    const own = { ...scope({ weight: 1, lambda: 2 }, "models", 0), isOfModel: true };
    const notes = parameterNotes("ties", [own, scope({ int8_mask: true, lambda: 2 })], where);
    assert.deepEqual(notes, [
      "merge.yml models.0.parameters.lambda: lambda is not of one model, so that it changes nothing here; set it in the file's parameters",
      "merge.yml parameters.int8_mask: int8_mask changes no result, and nothing here",
    ]);
  });

  test("a density above 1 is told: it keeps no more than 1 does", () => {
    const density = [{ filter: "mlp", value: [0.2, 1.5] }, { value: 1 }];
    const scopes = [scope({ density: 15 }, "models", 0), scope({ density }), scope({ density: 1 })];
    assert.deepEqual(parameterNotes("ties", scopes, where), [
      "merge.yml models.0.parameters.density: density 15 keeps all of the task vector, as 1 does",
      "merge.yml parameters.density: density 1.5 keeps all of the task vector, as 1 does",
    ]);
  });

  test("places that say nothing, or only what is read, need no word", () => {
    const scopes = [scope(undefined), scope({}), scope({ weight: [1, 2], density: undefined })];
    assert.deepEqual(parameterNotes("linear", scopes, where), []);
  });
});
