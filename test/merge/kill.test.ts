/** Whatever writes a model is killed at any moment: what is left is no model, or the right one. */
import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, suite, test } from "node:test";
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { readModelWeights } from "../../src/tensors/model-weights.ts";
import { readTensorBytes, writeSafetensors } from "../../src/tensors/safetensors.ts";
import { writePeftFolder } from "../../src/adapter-files/peft/write-folder.ts";
import { bundleSource, startProgram, startRetune } from "../support/retune.ts";
import { writeTinyLlama } from "../support/tiny-llama.ts";

const KILLS = 20;
/** Large enough that a merge of it takes as long as starting the process does. */
const [ROWS, COLUMNS, TENSORS] = [1024, 1024, 24];

const dir = mkdtempSync(path.join(tmpdir(), "retune-kill-"));
after(() => rmSync(dir, { recursive: true, force: true }));

const nameOf = (index: number): string => `model.layers.${index}.mlp.up_proj.weight`;

async function bigModel(name: string, phase: number): Promise<string> {
  const folder = path.join(dir, name);
  writeTinyLlama(folder);
  const tensors = Array.from({ length: TENSORS }, (_, index) => {
    const values = Float32Array.from({ length: ROWS * COLUMNS }, (_value, i) =>
      Math.sin(i * 0.37 + index + phase),
    );
    const data = new Uint8Array(values.buffer);
    return { name: nameOf(index), dtype: "F32" as const, shape: [ROWS, COLUMNS], data };
  });
  await writeSafetensors(path.join(folder, "model.safetensors"), tensors, { format: "pt" });
  return folder;
}

async function bigAdapter(baseDir: string): Promise<string> {
  const folder = path.join(dir, "adapter");
  const rank = 8;
  const factor = (length: number): Uint8Array =>
    new Uint8Array(Float32Array.from({ length }, (_, i) => Math.cos(i) * 0.1).buffer);
  const tensors = Array.from({ length: TENSORS }, (_, index) => {
    const at = `base_model.model.${nameOf(index).replace(/\.weight$/u, "")}`;
    return [
      {
        name: `${at}.lora_A.weight`,
        dtype: "F32" as const,
        shape: [rank, COLUMNS],
        data: factor(rank * COLUMNS),
      },
      {
        name: `${at}.lora_B.weight`,
        dtype: "F32" as const,
        shape: [ROWS, rank],
        data: factor(ROWS * rank),
      },
    ];
  }).flat();
  await writePeftFolder(
    folder,
    {
      peft_type: "LORA",
      task_type: "CAUSAL_LM",
      base_model_name_or_path: baseDir,
      r: rank,
      lora_alpha: 16,
      target_modules: ["up_proj"],
    },
    tensors,
  );
  return folder;
}

/** Saves what a run trained over the base, half of its tensors frozen: FOLDER --out DIR. */
async function savingProgram(): Promise<string> {
  const bundles = await Promise.all(
    ["onnx-engine/save-result.ts", "tensors/model-weights.ts"].map(bundleSource),
  );
  const [saving, reading] = bundles.map((file) => JSON.stringify(file));
  const program = path.join(dir, "save.cjs");
  writeFileSync(
    program,
    `const { readFileSync } = require("node:fs");
    const { saveResult } = require(${saving});
    const { readModelWeights } = require(${reading});
    const [folder, , out] = process.argv.slice(2);
    readModelWeights(folder).then(async (weights) => {
      const config = JSON.parse(readFileSync(folder + "/config.json", "utf8"));
      const tensors = [...weights.values()].map(({ name, shape }) => ({ name, shape }));
      const base = { dir: folder, architecture: { tensors }, config, weights };
      const trained = tensors.slice(0, tensors.length / 2).map(({ name, shape }, at) => {
        const values = new Float32Array(shape[0] * shape[1]).map((_, i) => Math.sin(i * 0.2 + at));
        return { name, shape, values };
      });
      await saveResult(out, { base, tuning: {}, tensors: trained, starts: {}, baseModel: "" });
    });`,
  );
  return program;
}

/** Every file that matters, as bytes; undefined where no program would take the folder for a model. */
async function modelIn(folder: string): Promise<ReadonlyMap<string, Uint8Array> | undefined> {
  if (!existsSync(path.join(folder, "config.json"))) return undefined;
  const weights = await readModelWeights(folder).catch(() => undefined);
  if (!weights) return undefined;
  const content = new Map<string, Uint8Array>();
  for (const [name, info] of weights) content.set(name, await readTensorBytes(info));
  for (const file of ["config.json", "tokenizer.json"]) {
    content.set(file, readFileSync(path.join(folder, file)));
  }
  return content;
}

suite(`killed ${KILLS} times`, () => {
  let [base, tuned, adapter, program] = ["", "", "", ""];
  before(async () => {
    base = await bigModel("base", 0);
    tuned = await bigModel("tuned", 1);
    adapter = await bigAdapter(base);
    program = await savingProgram();
  });

  for (const [what, start] of [
    [
      "a merge of models",
      (out) => startRetune("interpolate", base, tuned, "--alpha", "0.4", ...out),
    ],
    [
      "a merge of an adapter",
      (out) => startRetune("merge", base, "--adapter", adapter, "--no-check", ...out),
    ],
    ["a run's result", async (out) => startProgram(program, [base, ...out])],
  ] as readonly (readonly [string, (out: readonly string[]) => ReturnType<typeof startRetune>])[]) {
    test(`${what} leaves no folder that loads but is wrong`, async () => {
      const place = path.join(dir, what.replaceAll(" ", "-"));
      mkdirSync(place);
      const whole = path.join(place, "whole");
      const startedAt = performance.now();
      const { finished } = await start(["--out", whole]);
      assert.equal((await finished).code, 0);
      const duration = Math.ceil(performance.now() - startedAt);
      const expected = await modelIn(whole);
      assert.ok(expected);
      const random = xoroshiro128plus(Date.now());
      let inTheMiddle = 0;
      for (let kill = 0; kill < KILLS; kill++) {
        const area = path.join(place, String(kill));
        mkdirSync(area);
        const { child, finished: ended } = await start(["--out", path.join(area, "out")]);
        // From when it starts to write, so that most kills hit the writing.
        while (readdirSync(area).length === 0) await sleep(1);
        await sleep(uniformInt(random, 0, Math.round(duration / 2)));
        child.kill("SIGKILL");
        await ended;
        for (const name of readdirSync(area)) {
          const found = await modelIn(path.join(area, name));
          if (name !== "out") inTheMiddle += 1;
          if (found) assert.deepEqual(found, expected, `kill ${kill}: ${name}`);
        }
        rmSync(area, { recursive: true });
      }
      assert.ok(inTheMiddle >= 3, `only ${inTheMiddle} kills hit the writing`);
    });
  }
});
