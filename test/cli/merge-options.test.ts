/** `retune merge`'s options as the configuration that they stand for: what a person would write in mergekit's YAML. */
import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { parseArguments } from "../../src/cli/command.ts";
import { MODEL_OPTIONS, configOf, optionOf } from "../../src/cli/merge-options.ts";
import { METHOD_NAMES, methodWords } from "../../src/protocol/merge-methods.ts";

/** The configuration of a command line, models named by their folders' names alone. */
function config(line: string) {
  const { values, positionals } = parseArguments(line.split(" "), {
    options: MODEL_OPTIONS,
    positionals: [],
    takesMore: true,
  });
  const found = configOf(positionals, values);
  const short = (model: unknown) => path.relative(process.cwd(), String(model));
  const models = found.models?.map((one) => ({ ...one, model: short(one.model) }));
  return {
    ...found,
    models,
    ...(found.base_model === undefined ? {} : { base_model: short(found.base_model) }),
  };
}

const refused = (line: string, message: RegExp): void =>
  assert.throws(() => config(line), { name: "InputError", message }, line);

test("weights and densities are those of the models in their order", () => {
  assert.deepEqual(
    config("--method ties --base base b c --weight 0.5 --weight 1 --density 0.6 --density 0.2"),
    {
      merge_method: "ties",
      base_model: "base",
      models: [
        { model: "b", parameters: { weight: 0.5, density: 0.6 } },
        { model: "c", parameters: { weight: 1, density: 0.2 } },
      ],
      parameters: {},
    },
  );
});

test("one value is everybody's, and with commas it goes over the layers", () => {
  const { models } = config("--method ties --base base b c --weight 0,0.5,1 --density 0.3");
  for (const { parameters } of models ?? []) {
    assert.deepEqual(parameters, { weight: [0, 0.5, 1], density: 0.3 });
  }
  assert.equal(models?.length, 2);
});

test("where a method weighs and nothing is said, all weigh alike", () => {
  for (const method of METHOD_NAMES) {
    const { base, parameters, models } = methodWords(method);
    const count = Math.max(models.min, 1);
    const names = Array.from({ length: count }, (_, i) => `m${i}`).join(" ");
    const line = `${names} --method ${method}${base === "needed" ? " --base base" : ""}`;
    for (const one of config(line).models ?? []) {
      const expected = "weight" in parameters ? { weight: 1 } : undefined;
      assert.deepEqual(one.parameters, expected, line);
    }
  }
});

test("the base is not merged with itself, however it is written", () => {
  const { base_model: base, models } = config(
    "base b ./base/ --method task-arithmetic --base ./x/../base",
  );
  assert.equal(base, "base");
  assert.deepEqual(
    models?.map(({ model }) => model),
    ["b"],
  );
});

test("slerp goes from the first to the other where no base is named", () => {
  const plain = config("a b --method slerp --t 0.25");
  assert.deepEqual(
    [plain.base_model, plain.models, plain.parameters],
    ["a", [{ model: "b" }], { t: 0.25 }],
  );
  const named = config("a b --method slerp --t 0.25 --base b");
  assert.deepEqual([named.base_model, named.models], ["b", [{ model: "a" }]]);
});

test("a method's name may be written as mergekit writes it", () => {
  const names = ["dare_ties", "dare-ties"].map(
    (name) => config(`b --method ${name} --base a`).merge_method,
  );
  assert.deepEqual(names, ["dare-ties", "dare-ties"]);
});

test("numbers below zero are values, not options", () => {
  const { models, parameters } = config(
    "b c --method task-arithmetic --base a --weight -0.5 --weight .5 --lambda -1e-1",
  );
  assert.deepEqual(
    models?.map((one) => one.parameters),
    [{ weight: -0.5 }, { weight: 0.5 }],
  );
  assert.deepEqual(parameters, { lambda: -0.1 });
});

test("switches are on, off, or as the method has them", () => {
  const parameters = (switches: string) => config(`b --method ties --base a${switches}`).parameters;
  assert.deepEqual(parameters(""), {});
  assert.deepEqual(parameters(" --normalize --no-rescale"), { normalize: true, rescale: false });
  assert.deepEqual(parameters(" --no-normalize --rescale"), { normalize: false, rescale: true });
  refused(
    "b --method ties --base a --rescale --no-rescale",
    /^--rescale and --no-rescale exclude each other$/,
  );
});

test("--set takes what has no option of its own", () => {
  assert.deepEqual(config("b --method breadcrumbs --base a --set gamma=0.02").parameters, {
    gamma: 0.02,
  });
  assert.deepEqual(config("b --method della --base a --set epsilon=0,0.1").parameters, {
    epsilon: [0, 0.1],
  });
  assert.deepEqual(config("b c --method model-stock --base a --set filter_wise=true").parameters, {
    filter_wise: true,
  });
  refused(
    "b --method ties --base a --set gamma=1",
    /^--set: ties has no parameter "gamma"; it reads weight, density, lambda/,
  );
  refused(
    "b --method breadcrumbs --base a --set gamma=1=2",
    /^--set: breadcrumbs has no parameter "gamma"/,
  );
  refused(
    "b --method breadcrumbs --base a --set gamma",
    /^--set gamma must be a number, .* found ""$/,
  );
  refused(
    "b c --method model-stock --base a --set filter_wise=1",
    /^--set filter_wise must be true or false, found "1"$/,
  );
  refused(
    "b c --method model-soup --set t=1",
    /^--set: model-soup has no parameter "t"; it reads none$/,
  );
});

test("the result's type is the file's own word", () => {
  assert.equal(config("a b --method linear --dtype bfloat16").out_dtype, "bfloat16");
  assert.equal("out_dtype" in config("a b --method linear"), false);
  refused("a b --method linear --dtype fp16", /^--dtype: /);
});

test("what a greedy soup is judged by is a path from here", () => {
  const file = config("a b --method model-soup --evaluate-on rows.jsonl").evaluate_on;
  assert.equal(file, path.resolve("rows.jsonl"));
});

test("what can't be meant is refused by the option that says it", () => {
  refused("a b", /^--method must be one of linear, slerp, .*, found ""$/);
  refused("a b --method tie", /^--method must be one of .*, found "tie"$/);
  refused("a b --method linear --base c", /^--base: linear has no base; leave it out$/);
  refused("a b --method slerp --weight 1", /^--weight: slerp does not read weight; it reads t$/);
  refused(
    "a b --method linear --no-rescale",
    /^--no-rescale: linear does not read rescale; it reads weight, normalize$/,
  );
  refused(
    "a b --method model-soup --density 1",
    /^--density: model-soup does not read density; it reads none$/,
  );
  refused(
    "b c d --method ties --base a --weight 1 --weight 2",
    /^--weight: 2 are given for 3 models; give one for all, or one for each in their order$/,
  );
  for (const value of ["half", "", "1,", "1,,2", "NaN", "Infinity"]) {
    const options = { method: "ties", base: "a", weight: [value] };
    assert.throws(() => configOf(["b"], options), {
      name: "InputError",
      message: `--weight must be a number, or numbers with commas over the layers, found "${value}"`,
    });
  }
});

test("a place in the configuration is told by the option that fills it", () => {
  assert.equal(optionOf(["merge_method"]), "--method");
  assert.equal(optionOf(["base_model"]), "--base");
  assert.equal(optionOf(["out_dtype"]), "--dtype");
  assert.equal(optionOf(["evaluate_on"]), "--evaluate-on");
  assert.equal(optionOf(["models", 1, "parameters", "density"]), "--density");
  assert.equal(optionOf(["parameters", "t"]), "--t");
  assert.equal(optionOf(["models"]), "retune merge");
  assert.equal(optionOf([]), "retune merge");
});
