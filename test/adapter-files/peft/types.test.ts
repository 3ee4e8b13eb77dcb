/** Methods of PEFT's that Retune does not compute are named for what they are, with the way out. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { readMergeAdapter } from "../../../src/merge/adapters/read-adapter.ts";
import { InputError } from "../../../src/util/errors.ts";
import { summariseAdapter } from "../../../src/cards/model-summary.ts";
import { readPeftFolder } from "../../../src/adapter-files/peft/folder.ts";
import { refuses } from "../../support/refuses.ts";
import { safetensorsBytes } from "../../tensors/bytes.ts";
import type { PeftKind } from "../../../src/adapter-files/peft/kind.ts";
import { PEFT_KINDS } from "../../../src/adapter-files/peft/kinds.ts";
import { IA3 } from "../../../src/adapter-files/peft/kinds/ia3.ts";
import { peftScoreName } from "../../../src/adapter-files/peft/score.ts";

const dir = mkdtempSync(path.join(tmpdir(), "retune-peft-types-"));
after(() => rmSync(dir, { recursive: true }));
writeFileSync(path.join(dir, "adapter_model.safetensors"), safetensorsBytes({}, new Uint8Array()));

function ofType(type: string): string {
  writeFileSync(path.join(dir, "adapter_config.json"), JSON.stringify({ peft_type: type }));
  return dir;
}

async function messageOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof InputError, String(error));
  return error.message;
}

test("methods whose change is in weights: PEFT can merge them, and no word of virtual tokens", async () => {
  const said: Record<string, RegExp> = {
    LOHA: /LoHa, a Hadamard product/,
    LOKR: /LoKr, a Kronecker product/,
    VERA: /VeRA, shared random factors/,
    ADALORA: /AdaLoRA, LoRA with singular values/,
    OFT: /OFT, rotations/,
    LN_TUNING: /LN tuning, layer norms/,
  };
  for (const [type, says] of Object.entries(said)) {
    const merged = await messageOf(readMergeAdapter(ofType(type), 1));
    for (const message of [merged, await messageOf(summariseAdapter(ofType(type)))]) {
      assert.match(message, says);
      assert.match(
        message,
        /peft_type is \w+ .*Merge it into its base with PEFT \(merge_and_unload\)/,
      );
      assert.doesNotMatch(message, /virtual tokens/);
    }
  }
});

test("methods that no weight can hold, and names that nobody knows", async () => {
  await refuses(
    readMergeAdapter(ofType("XLORA"), 1),
    /X-LoRA.*no weight of the base can hold.*with PEFT/,
  );
  await refuses(
    readMergeAdapter(ofType("NEWEST"), 1),
    /peft_type is "NEWEST"; Retune computes LORA/,
  );
  // What every object has by this name is no description of it.
  await refuses(
    readMergeAdapter(ofType("toString"), 1),
    /peft_type is "toString"; Retune computes LORA/,
  );
});

test("a kind of adapter that is planted is named among those that are computed, and told how it is used", async (t) => {
  const planted: PeftKind = { ...IA3, name: "NEWEST" };
  t.after(PEFT_KINDS.add(planted));
  await refuses(readMergeAdapter(ofType("OTHER"), 1), /PREFIX_TUNING and NEWEST\. /);
  await refuses(readMergeAdapter(ofType("NEWEST"), 1), /only LORA and IA3 can be merged/);
  assert.equal(peftScoreName("NEWEST"), "base_model.model.score.weight");
  t.after(PEFT_KINDS.add({ ...planted, name: "NEWER", hasVirtualTokens: true }));
  assert.equal(peftScoreName("NEWER"), "base_model.score.weight");
});

test("virtual tokens can't be merged, and are said to work beside the base", async () => {
  for (const type of ["PROMPT_TUNING", "P_TUNING", "PREFIX_TUNING"]) {
    const work = readMergeAdapter(ofType(type), 1);
    await refuses(
      work,
      /in no weight of the base: only LORA and IA3 .*eval and generate beside its base/,
    );
  }
});

test("an adapter in a .gguf is told the folder that it was converted from", async () => {
  await refuses(
    readPeftFolder(path.join(dir, "lora.gguf")),
    /is a \.gguf; Retune computes adapters as PEFT/,
  );
});
