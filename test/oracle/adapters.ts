/**
 * Adapters of every method as Retune writes them, loaded and evaluated by PEFT.
 *
 *   npx tsx test/oracle/adapters.ts PYTHON        (torch, transformers 5.23, peft 0.21)
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { openTrainingEngine } from "../../src/onnx-engine/onnx-engine.ts";
import { openBaseModel } from "../../src/models/base-model.ts";
import { readSafetensorsHeader, readTensor } from "../../src/tensors/safetensors.ts";
import { ADAPTER_CASES, PISSA_CASE, adapterGolden, savedTensor } from "../support/adapter-cases.ts";
import { goldenModel } from "../support/llama-golden.ts";

/** Where the golden takes its loss: of PiSSA the live factors, not those that PEFT converted. */
async function goldenValue(name: string, tensor: string): Promise<Float32Array> {
  if (name !== "pissa") return savedTensor(adapterGolden(name), tensor);
  const expected = path.join(adapterGolden(name), "expected.safetensors");
  const { tensors } = await readSafetensorsHeader(expected);
  return readTensor(tensors.get(`value.${tensor}`)!);
}

const CASES = { ...ADAPTER_CASES, pissa: PISSA_CASE };
const [python = "python3"] = process.argv.slice(2);
const dir = mkdtempSync(path.join(tmpdir(), "retune-oracle-"));
try {
  for (const [name, { variant, method }] of Object.entries(CASES)) {
    const baseDir = goldenModel(variant);
    const engine = await openTrainingEngine({
      base: await openBaseModel(baseDir),
      method,
      seed: 1,
      maxLength: 32,
      threads: 1,
    });
    for (const { name: tensor, offset } of engine.trainables) {
      engine.parameters.set(await goldenValue(name, tensor), offset);
    }
    await engine.saveResult(path.join(dir, name), engine.parameters, { baseModel: baseDir });
    await engine.dispose();
  }
  const script = path.join(import.meta.dirname, "adapters.py");
  const cases = Object.entries(CASES).map(([name, { variant }]) => `${name}=${variant}`);
  const { status } = spawnSync(python, [script, dir, ...cases], { stdio: "inherit" });
  process.exitCode = status ?? 1;
} finally {
  rmSync(dir, { recursive: true });
}
