/** Where a merged model may be written, on real folders. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, suite, test } from "node:test";
import { besideOutput, checkOutput, makeRoom } from "../../src/merge/output-folder.ts";
import { refuses } from "../support/refuses.ts";
import { tempDir } from "../support/temp-dir.ts";

/** A folder with one model in it. */
function withModel(t: TestContext): { at: (...parts: string[]) => string; model: string } {
  const dir = tempDir(t);
  const at = (...parts: string[]): string => path.join(dir, ...parts);
  mkdirSync(at("model"));
  writeFileSync(at("model", "config.json"), "{}");
  return { at, model: at("model") };
}

suite("an output may be", () => {
  test("a folder that is not there, or empty, or in one that is not there either", async (t) => {
    const { at, model } = withModel(t);
    mkdirSync(at("empty"));
    for (const out of [at("new"), at("empty"), at("a", "b", "c")]) await checkOutput(out, [model]);
    assert.deepEqual(readdirSync(at()).toSorted(), ["empty", "model"], "nothing is made");
  });

  test("beside a model, though its name begins with the model's, or with two dots", async (t) => {
    const { at, model } = withModel(t);
    await checkOutput(at("model-merged"), [model]);
    await checkOutput(at("..merged"), [model]);
  });
});

suite("an output may not be", () => {
  test("a folder with something in it, hidden things too", async (t) => {
    const { at } = withModel(t);
    mkdirSync(at("full"));
    writeFileSync(at("full", ".hidden"), "");
    await refuses(checkOutput(at("full"), []), /^\S+full is not empty; name a new folder$/u);
  });

  test("a folder that a model lies in", async (t) => {
    const { at, model } = withModel(t);
    await refuses(checkOutput(at(), [model]), / is not empty; name a new folder$/u);
  });

  test("a file, or in one", async (t) => {
    const { at } = withModel(t);
    const file = at("model", "config.json");
    await refuses(checkOutput(file, []), /config\.json is a file; name a new folder$/u);
    await refuses(checkOutput(path.join(file, "out"), []), /out is a file; name a new folder$/u);
  });

  test("the model itself or anywhere in it, whichever of several", async (t) => {
    const { at, model } = withModel(t);
    mkdirSync(at("other"));
    for (const out of [
      at("other"),
      at("other", "out"),
      at("other", "deep", "er"),
      at("other", "..out"),
    ]) {
      const message = `${out} is inside ${at("other")}; name a folder outside it`;
      await assert.rejects(checkOutput(out, [model, at("other")]), { message });
    }
  });

  test("in a model by another name: a link to it, or one that leads into it", async (t) => {
    const { at, model } = withModel(t);
    symlinkSync(model, at("link"));
    mkdirSync(at("model", "inner"));
    symlinkSync(at("model", "inner"), at("deep-link"));
    await refuses(checkOutput(at("link", "out"), [model]), /is inside/u);
    await refuses(checkOutput(at("deep-link", "not", "there"), [model]), /is inside/u);
    await refuses(checkOutput(at("model", "out"), [at("link")]), /is inside/u);
    // The other way round it is outside, though it looks as if it were inside.
    mkdirSync(at("elsewhere"));
    symlinkSync(at("elsewhere"), at("model", "away"));
    await checkOutput(at("model", "away", "out"), [model]);
  });
});

suite("the folder beside the output", () => {
  test("is on its disk, gone at the end, and its work's result comes through", async (t) => {
    const { at } = withModel(t);
    let seen = "";
    const result = await besideOutput(at("out"), (folder) => {
      seen = folder;
      writeFileSync(path.join(folder, "scratch"), "x");
      return Promise.resolve(42);
    });
    assert.equal(result, 42);
    assert.equal(path.dirname(seen), at());
    assert.match(path.basename(seen), /^out\.\d+-[0-9a-f]+\.tmp$/u);
    assert.deepEqual(readdirSync(at()), ["model"]);
  });

  test("is gone after a failure too, which comes through", async (t) => {
    const { at } = withModel(t);
    const failure = new Error("the disk caught fire");
    await assert.rejects(
      besideOutput(at("out"), () => Promise.reject(failure)),
      failure,
    );
    assert.deepEqual(readdirSync(at()), ["model"]);
  });

  test("two at once are two, and neither takes the other's", async (t) => {
    const { at } = withModel(t);
    await besideOutput(at("out"), (one) =>
      besideOutput(at("out"), (other) => {
        assert.notEqual(one, other);
        assert.ok(existsSync(one), "the first is of a process that lives");
        return Promise.resolve();
      }),
    );
    assert.deepEqual(readdirSync(at()), ["model"]);
  });
});

suite("room", () => {
  test("for more than any disk has there is none, and both numbers are told", async (t) => {
    const { at } = withModel(t);
    await refuses(
      makeRoom(at("new", "out"), 1e18),
      /out: the merged model needs 1000000000001\.0 MB, the disk has \d+\.\d MB left; free some or name a folder on another disk$/u,
    );
    assert.deepEqual(readdirSync(at()), ["model"]);
  });

  test("what a killed merge to this folder left goes first; what others left stays", async (t) => {
    const { at } = withModel(t);
    // No process has this number: Linux ends at 2 ** 22, others below 2 ** 31.
    await besideOutput(at("out"), async (own) => {
      const mark = path.basename(own).slice("out.".length, -".tmp".length);
      const dead = mark.replace(/^\d+/u, "2147483646");
      mkdirSync(at(`out.${dead}.tmp`));
      mkdirSync(at(`other.${dead}.tmp`));
      await makeRoom(at("out"), 1);
      assert.deepEqual(
        readdirSync(at()).toSorted(),
        ["model", path.basename(own), `other.${dead}.tmp`].toSorted(),
      );
    });
  });
});
