import assert from "node:assert/strict";
import { test } from "node:test";
import { hubCacheFolder } from "../../src/util/hub-cache.ts";

test("the folder is huggingface_hub's, by its own order of variables", () => {
  // huggingface_hub/constants.py: default_home, HF_HOME, HF_HUB_CACHE.
  const cases: [NodeJS.ProcessEnv, string][] = [
    [{}, "/home/u/.cache/huggingface/hub"],
    [{ XDG_CACHE_HOME: "/xdg" }, "/xdg/huggingface/hub"],
    [{ XDG_CACHE_HOME: "/xdg", HF_HOME: "/hf" }, "/hf/hub"],
    [{ XDG_CACHE_HOME: "/xdg", HF_HOME: "/hf", HF_HUB_CACHE: "/cache" }, "/cache"],
    // There it would be the working folder, which nobody means.
    [{ HF_HOME: "", HF_HUB_CACHE: "", XDG_CACHE_HOME: "" }, "/home/u/.cache/huggingface/hub"],
  ];
  for (const [env, folder] of cases) assert.equal(hubCacheFolder(env, "/home/u"), folder);
});
