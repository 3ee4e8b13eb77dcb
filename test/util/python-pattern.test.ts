import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { patternValue } from "../../src/util/module-pattern.ts";
import { pythonPattern } from "../../src/util/python-pattern.ts";
import { tensorPattern } from "../../src/util/tensor-patterns.ts";

const PATH = "model.layers.11.self_attn.q_proj";
const matches = (source: string, text = PATH) => pythonPattern(source, "a.json").matches(text);

/** Whatever it comes to, it comes to it at once. */
function inTime(work: () => unknown): void {
  const start = performance.now();
  try {
    work();
  } catch (error) {
    assert.match(String(error), /takes too long|not a regular expression/);
  }
  const took = performance.now() - start;
  assert.ok(took < 3_000, `${took} ms`);
}

test("the whole text must match, as Python's re.fullmatch", () => {
  assert.ok(matches(String.raw`.*\.(q|k)_proj`));
  assert.ok(!matches("q_proj"));
  assert.ok(matches(String.raw`(?P<block>.*)\.11\.(?P<rest>.*)\Z`));
  assert.ok(matches("(?i)MODEL.*"));
});

test("look-around and back references, which PEFT's users write, are matched too", () => {
  assert.ok(matches(String.raw`^(?!.*lm_head).*proj$`));
  assert.ok(!matches(String.raw`^(?!.*layers\.11\.).*proj$`));
  assert.ok(matches(String.raw`.*(?<=_)proj`));
  assert.ok(matches(String.raw`model\.layers\.(?P<digit>\d)(?P=digit)\..*\Z`));
});

// What re.fullmatch of Python 3.12 says to each.
test("comments and escapes of Python's are read, whichever engine they run on", () => {
  for (const ahead of ["", "(?=.)"]) {
    const python = (source: string, text: string) => matches(ahead + source, text);
    assert.ok(python("a(?#any)b", "ab"));
    assert.ok(python("a(?#any)*", "aa"));
    assert.ok(python(String.raw`\u0061b`, "ab"));
    assert.ok(python(String.raw`\U0001F600`, "😀"));
    assert.ok(python(String.raw`[\u0041-\u0043]`, "B"));
    assert.ok(python(String.raw`\\u0061`, String.raw`\u0061`));
    assert.ok(python(String.raw`\(?#x`, "#x"));
    assert.ok(python("[(?#a)]", "#"));
    assert.ok(python(String.raw`a\-b\"[\-#]\Z`, 'a-b"-'));
    assert.throws(() => python("a(?#any", "a"), /is not a regular expression/);
    assert.throws(() => python(String.raw`\u006`, "a"), /is not a regular expression/);
  }
});

test("a range of a layer pattern holds whole numbers only, however wide it is", () => {
  const range = tensorPattern("layers.[0-9999].mlp");
  assert.ok(range.test("model.layers.0.mlp.up_proj"));
  assert.ok(range.test("model.layers.9999.mlp.up_proj"));
  assert.ok(!range.test("model.layers.10000.mlp.up_proj"));
  assert.ok(!range.test("model.layers.01.mlp.up_proj"));
  inTime(() => tensorPattern(`${"[0-9999]*".repeat(99)}!`).test("1".repeat(4_000)));
  inTime(() => tensorPattern(`[0-${"9".repeat(3_000)}]!`).test("1".repeat(4_000)));
  const backwards = /^InputError: pattern "layers\.\[9-4\]": the range \[9-4\] runs from 9 to 4/;
  assert.throws(() => tensorPattern("layers.[9-4]"), backwards);
});

test("a pattern that doubles its work with each letter stalls nobody", () => {
  const long = "a_".repeat(60);
  inTime(() => assert.ok(!matches("([a-z_.0-9]+)+!", long)));
  inTime(() => assert.ok(!matches("(a|a_|_)*$!", long)));
  inTime(() => matches("(?=a)([a-z_]+)+!", long));
  // Many of them are one after the other.
  inTime(() => {
    for (let n = 0; n < 1_000; n++) matches(`(?=a)([a-z_]+)+!${n}`, long);
  });
  inTime(() => tensorPattern(`${"*a".repeat(90)}*!`).test("a".repeat(4_000)));
  inTime(() => matches("((a{100}){100}){100}"));
  inTime(() => patternValue({ "([a-z_.0-9]+)+!": 4 }, PATH.repeat(20), "adapter_config.json"));
});

test("what is no pattern is named, with what holds it", () => {
  assert.throws(
    () => matches("(a"),
    /^InputError: a\.json: the pattern "\(a" is not a regular expression: /,
  );
  assert.throws(() => matches("(?!a"), /a\.json: the pattern .* is not a regular expression/);
  assert.throws(() => matches("a".repeat(5_000)), /has 5000 characters, at most 4000 are read/);
  assert.throws(
    () => matches(`${"(".repeat(1_500)}a${")".repeat(1_500)}`),
    /not a regular expression/,
  );
});

test("a pattern of PEFT's matches a path's end from a dot on", () => {
  const patterns = { q_proj: 4, "layers.1.*": 8 };
  assert.equal(patternValue(patterns, PATH, "x"), 4);
  assert.equal(patternValue(patterns, "model.layers.1.mlp", "x"), 8);
  assert.equal(patternValue(patterns, "model.layers.2.xq_proj", "x"), undefined);
});

test("no other file makes an expression of a text that it does not know", () => {
  const src = path.join(import.meta.dirname, "../../src");
  const found = readdirSync(src, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.startsWith(path.join("onnx", "gen")))
    .filter((file) => /\bRegExp\(/u.test(readFileSync(path.join(src, file), "utf8")));
  // The others are made of names and numbers in the code.
  assert.deepEqual(found.toSorted(), [
    "protocol/data-files.ts",
    "tensors/config-text.ts",
    "util/process-mark.ts",
    "util/python-pattern.ts",
  ]);
});

test("a pattern that takes too long is named with the file that it stands in, whoever read it first", () => {
  const source = "(?=a)(a+)+b";
  for (const file of ["one.json", "two.json"]) {
    assert.throws(
      () => pythonPattern(source, file).matches("a".repeat(40)),
      new RegExp(`^InputError: ${file}: the pattern .* takes too long`, "u"),
    );
  }
});
