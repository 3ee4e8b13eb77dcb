import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { changedConfigText, configText } from "../../src/tensors/config-text.ts";
import { parseJson } from "../../src/util/json.ts";

const change = (text: string, wanted: Readonly<Record<string, unknown>>) =>
  changedConfigText(text, wanted, "config.json");

/** As numbers stand in the text: 30.0 is not 30. */
const written = (text: string): unknown => parseJson(text, "x", { number: (one) => `#${one}` });

/** As transformers 4.44 wrote Llama 3.2's. */
const LLAMA = `{
  "architectures": [
    "LlamaForCausalLM"
  ],
  "rms_norm_eps": 1e-05,
  "rope_scaling": {
    "factor": 32.0,
    "high_freq_factor": 4.0,
    "low_freq_factor": 1.0,
    "original_max_position_embeddings": 8192,
    "rope_type": "llama3"
  },
  "rope_theta": 500000.0,
  "tie_word_embeddings": true,
  "vocab_size": 128256
}
`;

suite("a changed config.json", () => {
  test("differs from the text in what was changed alone", () => {
    const found = JSON.parse(LLAMA) as Record<string, unknown>;
    const text = change(LLAMA, { ...found, tie_word_embeddings: false });
    assert.equal(text, LLAMA.replace('embeddings": true', 'embeddings": false'));
    assert.equal(change(LLAMA, found), LLAMA);
  });

  test("has new keys at its end, indented as it is, and none that were removed", () => {
    const {
      rope_theta: _,
      rms_norm_eps: __,
      vocab_size: ___,
      ...kept
    } = JSON.parse(LLAMA) as Record<string, unknown>;
    const text = change(LLAMA, { ...kept, id2label: { "0": "no", "1": "yes" }, pad_token_id: 2 });
    assert.equal(
      text,
      LLAMA.replace('  "rope_theta": 500000.0,\n', "")
        .replace('  "rms_norm_eps": 1e-05,\n', "")
        .replace(
          '"vocab_size": 128256',
          '"id2label": {\n    "0": "no",\n    "1": "yes"\n  },\n  "pad_token_id": 2',
        ),
    );
  });

  test("keeps what is beside a change inside of an object", () => {
    const text = '{"a": {"x": 4.0, "y": 1},\t"b": [1.0, 2]}';
    assert.equal(
      change(text, { a: { x: 4, y: 2, z: [1] }, b: [1, 2] }),
      '{"a": {"x": 4.0, "y": 2, "z": [ 1 ]},\t"b": [1.0, 2]}',
    );
  });

  test("may have a byte order mark, tabs, NaN and one key twice", () => {
    const text = '\uFEFF{\n\t"a": 1.0,\n\t"b": NaN,\n\t"a": 2.0\n}';
    const wanted = { a: 2, b: NaN, c: { d: 1 } };
    assert.equal(
      change(text, wanted),
      '\uFEFF{\n\t"b": NaN,\n\t"a": 2.0,\n\t"c": {\n\t\t"d": 1\n\t}\n}'.replace(
        '"b": NaN,\n\t"a": 2.0',
        '"a": 2.0,\n\t"b": NaN',
      ),
    );
  });

  test("may begin empty", () => {
    assert.equal(change("{}", { a: 1 }), '{"a": 1}');
    assert.equal(change("{\n}\n", { a: 1, b: "}" }), '{"a": 1,"b": "}"\n}\n');
  });

  test("has floats where Python has them, but for labels of such a name", () => {
    const wanted = { rope_theta: 10_000, rope_scaling: { factor: 4 }, label2id: { factor: 1 } };
    assert.equal(
      change('{\n  "x": 1\n}', { x: 1, ...wanted }),
      '{\n  "x": 1,\n  "rope_theta": 10000.0,\n  "rope_scaling": {\n    "factor": 4.0\n  },\n  "label2id": {\n    "factor": 1\n  }\n}',
    );
    assert.equal(
      configText({ rope_theta: 1e4, x: 1 }),
      '{\n  "rope_theta": 10000.0,\n  "x": 1\n}\n',
    );
  });

  test("says what is wanted, with every other number as it stood, whatever the config", () => {
    const key = fc.oneof(
      fc.constantFrom("a", "factor", "rope_theta", "x y", '"', "\\", "é"),
      fc.string({ maxLength: 3 }).filter((one) => !one.includes("#")),
    );
    // Text of numbers that JavaScript would write otherwise.
    const number = fc.constantFrom(
      "#30.0",
      "#4.0",
      "#1e-05",
      "#-0.0",
      "#1E5",
      "#9007199254740993",
      "#7",
    );
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: "small", withCrossShrink: true },
        number,
        fc.boolean(),
        fc.constant(null),
        // The mark of a number is no text of its own: "#0#" would be printed as one.
        fc.string().filter((one) => !one.includes("#")),
        fc.array(tie("value"), { maxLength: 3 }),
        fc.dictionary(key, tie("value"), { maxKeys: 3 }),
      ),
    }));
    const config = fc.dictionary(
      key.filter((one) => one !== "__proto__"),
      value,
      { maxKeys: 6 },
    );
    const print = (json: unknown, indent?: number | string): string =>
      JSON.stringify(json, null, indent).replaceAll(/"#(-?\d[^"\\]*)"/gu, "$1");
    fc.assert(
      fc.property(
        config,
        fc.constantFrom(undefined, 1, 2, 4, "\t"),
        fc.dictionary(
          key.filter((one) => one !== "__proto__"),
          fc.oneof(
            fc.boolean(),
            fc.string({ maxLength: 2 }).filter((one) => !one.includes("#")),
          ),
          { maxKeys: 3 },
        ),
        (before, indent, changes) => {
          const text = print(before, indent);
          const found = parseJson(text, "x") as Record<string, unknown>;
          const result = change(text, { ...found, ...changes });
          assert.deepEqual(written(result), { ...(written(text) as object), ...changes });
          const [gone] = Object.keys(found);
          if (gone === undefined) return;
          const { [gone]: _, ...rest } = written(text) as Record<string, unknown>;
          const { [gone]: __, ...wanted } = found;
          assert.deepEqual(written(change(text, wanted)), rest);
        },
      ),
      { numRuns: 1000 },
    );
  });
});
