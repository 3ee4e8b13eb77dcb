/** Patterns over modules as PEFT has them: get_pattern_key for ranks and alphas, check_target_module_exists for targets. */
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { endsAtDot, patternValue, targetMatcher } from "../../src/util/module-pattern.ts";

const GOLDEN = path.join(import.meta.dirname, "../golden/peft");
const PATH = "model.layers.11.self_attn.q_proj";
const value = (patterns: Record<string, number>) => patternValue(patterns, PATH, "rank_pattern");

test("a pattern fits the whole path or its end from a dot on, as PEFT's (.*\\.)?(KEY)$", () => {
  // PEFT: re.match(rf"(.*\.)?({key})$", key_to_match)
  for (const fits of [
    "q_proj",
    "self_attn.q_proj",
    PATH,
    ".*",
    "[qk]_proj",
    String.raw`layers\.\d+\..*`,
  ]) {
    assert.equal(value({ [fits]: 3 }), 3, fits);
  }
  for (const other of ["proj", "q_pro", "attn.q_proj", "model", "self_attn", "k_proj|v_proj"]) {
    assert.equal(value({ [other]: 3 }), undefined, other);
  }
});

test("an alternative is one pattern: its parts are not cut off by what is put around it", () => {
  assert.equal(value({ "k_proj|q_proj": 5 }), 5);
  assert.equal(value({ "q_proj|zzz": 5 }), 5);
  assert.equal(patternValue({ "a|b": 1 }, "x.ab", "p"), undefined);
});

test("the first that fits counts, in the order in which they are written", () => {
  assert.equal(value({ k_proj: 1, q_proj: 2, ".*": 3 }), 2);
  assert.equal(value({ ".*": 3, q_proj: 2 }), 3);
  assert.equal(value({ q_proj: 0, ".*": 3 }), 0);
});

test("without patterns there is no value of a module's own", () => {
  assert.equal(patternValue(undefined, PATH, "p"), undefined);
  assert.equal(patternValue(null, PATH, "p"), undefined);
  assert.equal(patternValue({}, PATH, "p"), undefined);
});

test("a broken pattern is told as it stands in the file, not as it is put together", () => {
  assert.throws(
    () => value({ "q_(proj": 2 }),
    (error: Error) => {
      assert.match(
        error.message,
        /^rank_pattern: the pattern "q_\(proj" is not a regular expression/,
      );
      assert.doesNotMatch(error.message, /\?:/);
      return true;
    },
  );
});

test("a list of targets is names at the ends of paths, and no expressions", () => {
  const matches = targetMatcher(["q_proj", "mlp.down_proj", "x.y"]);
  assert.ok(matches(PATH));
  assert.ok(matches("q_proj"));
  assert.ok(matches("model.layers.0.mlp.down_proj"));
  assert.ok(!matches("model.layers.0.mlp2.down_proj"));
  assert.ok(!matches("model.layers.0.xq_proj"));
  assert.ok(!matches("model.x-y"), "a dot is a dot");
  assert.ok(!targetMatcher([".*"])(PATH));
  assert.ok(!targetMatcher([])(PATH));
});

test("a text of targets is an expression over the whole path", () => {
  assert.ok(targetMatcher(String.raw`.*\.(q|v)_proj`)(PATH));
  assert.ok(!targetMatcher("q_proj")(PATH), "re.fullmatch");
  assert.ok(!targetMatcher(String.raw`.*\.q_pro`)(PATH));
  assert.throws(
    () => targetMatcher("("),
    /^InputError: method\.targets is neither "all-linear" nor/,
  );
});

test("adapters that PEFT saved name the modules that lie in them", () => {
  let seen = 0;
  for (const folder of readdirSync(GOLDEN)) {
    if (folder.endsWith(".py")) continue;
    const dir = path.join(GOLDEN, folder);
    if (!readdirSync(dir).includes("adapter_config.json")) continue;
    const config = JSON.parse(readFileSync(path.join(dir, "adapter_config.json"), "utf8")) as {
      target_modules?: string | string[] | null;
    };
    const weights = readFileSync(path.join(dir, "adapter_model.safetensors"));
    const length = Number(weights.readBigUInt64LE(0));
    const header = JSON.parse(weights.toString("utf8", 8, 8 + length)) as object;
    const trained = Object.keys(header).flatMap((name) => {
      const [, module] = /^base_model\.model\.(.+)\.lora_A\.weight$/u.exec(name) ?? [];
      return module ?? [];
    });
    if (trained.length === 0 || !config.target_modules || config.target_modules.length === 0)
      continue;
    const matches = targetMatcher(config.target_modules);
    for (const module of trained) assert.ok(matches(module), `${folder}: ${module}`);
    assert.ok(!matches("model.layers.0.input_layernorm"), folder);
    seen++;
  }
  assert.ok(seen >= 5, `${seen} adapters`);
});

test("a name ends a path at a dot only", () => {
  assert.ok(endsAtDot("a.b", "b"));
  assert.ok(endsAtDot("a.b", "a.b"));
  assert.ok(!endsAtDot("ab", "b"));
  assert.ok(!endsAtDot("b", "a.b"));
});
