import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { findCachedModels, findModelsBelow } from "../../../src/ui/catalogs/model-folders.ts";
import { hubCacheFolder } from "../../../src/util/hub-cache.ts";

const folder = mkdtempSync(path.join(tmpdir(), "retune-folders-"));
after(() => rmSync(folder, { recursive: true }));

function write(...files: string[]): void {
  for (const file of files) {
    mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    writeFileSync(path.join(folder, file), "x".repeat(40));
  }
}

test("finds folders with config.json and weights, and .gguf files, but no checkpoints", async () => {
  write("a/config.json", "a/model.safetensors", "b/vendor/tiny.gguf", "c/config.json");
  write("d/checkpoints/step-1/config.json", "d/checkpoints/step-1/model.safetensors");
  const found = await findModelsBelow(folder);
  assert.deepEqual(
    found.map((model) => path.relative(folder, model)),
    ["a", path.join("b", "vendor", "tiny.gguf")],
  );
});

test("a folder that is not there holds no model", async () => {
  assert.deepEqual(await findModelsBelow(path.join(folder, "none")), []);
});

test("of a model in Hugging Face's cache, the snapshot that a branch points to is found", async () => {
  const [old, current] = ["0".repeat(40), "1".repeat(40)];
  const repository = "cache/models--HuggingFaceTB--SmolLM2-135M";
  for (const commit of [old, current]) {
    write(`${repository}/snapshots/${commit}/config.json`);
    write(`${repository}/snapshots/${commit}/model.safetensors`);
  }
  write("cache/datasets--x--y/snapshots/1/config.json", `${repository}/refs/main`);
  writeFileSync(path.join(folder, repository, "refs/main"), current);
  const models = await findCachedModels(path.join(folder, "cache"));
  assert.deepEqual(models, [
    {
      path: path.join(folder, repository, "snapshots", current),
      repository: "HuggingFaceTB/SmolLM2-135M",
    },
  ]);
});

test("the cache is where huggingface_hub's variables say, in its order", () => {
  const home = path.join(path.sep, "home", "me");
  const all = { HF_HUB_CACHE: "/hub", HF_HOME: "/hf", XDG_CACHE_HOME: "/xdg" };
  assert.equal(hubCacheFolder(all, home), "/hub");
  assert.equal(hubCacheFolder({ HF_HOME: "/hf" }, home), path.join("/hf", "hub"));
  const usual = path.join(home, ".cache", "huggingface", "hub");
  assert.equal(hubCacheFolder({}, home), usual);
});
