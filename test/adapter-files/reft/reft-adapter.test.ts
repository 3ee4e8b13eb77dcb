import assert from "node:assert/strict";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, suite, test } from "node:test";
import {
  type ReftConfig,
  type ReftIntervention,
  readReftAdapter,
  writeReftAdapter,
} from "../../../src/adapter-files/reft/reft-adapter.ts";
import { readSafetensorsHeader } from "../../../src/tensors/safetensors.ts";
import { safetensorsBytes } from "../../tensors/bytes.ts";
import { refuses } from "../../support/refuses.ts";

let dir: string;
let count = 0;
before(async () => {
  dir = await mkdtemp(path.join(tmpdir(), "retune-reft-"));
});
after(() => rm(dir, { recursive: true }));

function intervention(layer: number, unit: number, rank = 2): ReftIntervention {
  const values = (length: number) => Float32Array.from({ length }, (_, i) => layer + unit + i / 7);
  const type = layer === 0 ? "loreft" : "direft";
  const [rotate, weight, bias] = [values(8 * rank), values(8 * rank), values(rank)];
  return { layer, unit, type, rank, rotate, weight, bias };
}

const config = { baseModel: "org/base", positions: "f7+l7", tied: false, dropout: 0.05 };
const untied = [
  intervention(0, 0),
  intervention(0, 1),
  intervention(3, 0, 1),
  intervention(3, 1, 1),
];

async function adapter(change: (config: Record<string, unknown>) => void = () => {}) {
  const folder = path.join(dir, `adapter-${count++}`);
  await writeReftAdapter(folder, config, untied);
  const file = path.join(folder, "reft_config.json");
  const json = JSON.parse(await readFile(file, "utf8")) as Record<string, unknown>;
  change(json);
  await writeFile(file, JSON.stringify(json));
  return folder;
}

suite("an adapter of interventions", () => {
  test("reads back as it was written", async () => {
    const folder = await adapter();
    const read = await readReftAdapter(folder);
    assert.deepEqual(read.interventions, untied);
    const { interventions, ...rest } = read.config;
    assert.deepEqual(rest, { formatVersion: 1, ...config });
    assert.deepEqual(interventions[2], { layer: 3, unit: 0, type: "direft", rank: 1 });
    assert.deepEqual((await readdir(folder)).toSorted(), [
      "reft_config.json",
      "reft_model.safetensors",
    ]);
    const { tensors } = await readSafetensorsHeader(path.join(folder, "reft_model.safetensors"));
    assert.deepEqual(tensors.get("layers.3.1.rotate")?.shape, [8, 1]);
    assert.deepEqual(tensors.get("layers.0.1.weight")?.shape, [2, 8]);
    assert.deepEqual(tensors.get("layers.0.1.bias")?.shape, [2]);
  });

  test("has one unit a layer when tied, or for one side", async () => {
    const one = [intervention(0, 0), intervention(1, 0)];
    for (const [positions, tied] of [
      ["f7+l7", true],
      ["l1", false],
      ["f4", true],
      ["f0+l4", false],
    ] as const) {
      const folder = path.join(dir, `one-${count++}`);
      await writeReftAdapter(folder, { ...config, positions, tied }, one);
      assert.equal((await readReftAdapter(folder)).interventions.length, 2);
    }
  });

  test("is not written with units that its positions do not have", async () => {
    const folder = path.join(dir, "none");
    const write = (more: Partial<ReftConfig>, made: readonly ReftIntervention[]) =>
      writeReftAdapter(folder, { ...config, ...more }, made);
    await assert.rejects(write({ tied: true }, untied), /internal: .*units 0, 1, expected 0/);
    await assert.rejects(write({}, [intervention(0, 0)]), /internal: .*units 0, expected 0, 1/);
    await assert.rejects(readdir(folder), /ENOENT/);
  });
});

suite("a broken adapter of interventions", () => {
  const sites = (value: unknown) => (json: Record<string, unknown>) =>
    (json["interventions"] = value);
  const site = (more: object) => ({ layer: 0, unit: 0, type: "loreft", rank: 2, ...more });
  const cases: [string, (json: Record<string, unknown>) => void, RegExp][] = [
    [
      "of a later format",
      (json) => (json["formatVersion"] = 2),
      /formatVersion is 2, this Retune reads 1/,
    ],
    [
      "without a format",
      (json) => delete json["formatVersion"],
      /reft_config\.json: formatVersion: /,
    ],
    ["without positions", (json) => delete json["positions"], /: positions: /],
    [
      "of strange positions",
      (json) => (json["positions"] = "all"),
      /reft_config\.json: positions are "all", expected f<n>/,
    ],
    ["of a dropout of 1", (json) => (json["dropout"] = 1), /: dropout: /],
    ["of no interventions", sites([]), /: interventions: /],
    ["of an unknown type", sites([site({ type: "other" })]), /: interventions\.0\.type: /],
    ["of rank 0", sites([site({ rank: 0 })]), /: interventions\.0\.rank: /],
    [
      "with a unit missing",
      sites([site({})]),
      /of layer 0 have the units 0, expected 0, 1: positions are "f7\+l7" and tied is false/,
    ],
    ["with a unit twice", sites([site({}), site({})]), /have the units 0, 0, expected 0, 1/],
    [
      "tied, with two units",
      (json) => (json["tied"] = true),
      /units 0, 1, expected 0.*tied is true/,
    ],
    [
      "of another rank",
      sites([
        site({ rank: 4 }),
        site({ unit: 1 }),
        site({ layer: 3, rank: 1 }),
        site({ layer: 3, unit: 1, rank: 1 }),
      ]),
      /layers\.0\.0\.rotate is \[8, 2\], expected \[8, 4\] by reft_config/,
    ],
    [
      "with tensors of no intervention",
      sites([site({}), site({ unit: 1 })]),
      /tensor layers\.3\.\S+ is of no intervention/,
    ],
    [
      "with a tensor missing",
      sites(
        [0, 1, 3, 5].flatMap((layer) => [
          site({ layer, rank: layer === 3 ? 1 : 2 }),
          site({ layer, unit: 1, rank: layer === 3 ? 1 : 2 }),
        ]),
      ),
      /tensor layers\.1\.0\.rotate, which reft_config\.json calls for, is missing/,
    ],
  ];
  for (const [name, change, message] of cases) {
    test(`is refused: ${name}`, async () =>
      refuses(readReftAdapter(await adapter(change)), message));
  }

  test("is refused without either file, or with whole numbers", async () => {
    const folder = await adapter((json) => {
      json["positions"] = "f1";
      json["interventions"] = [site({})];
    });
    const tensor = (shape: number[], start: number, dtype = "F32") => ({
      dtype,
      shape,
      data_offsets: [start, start + 4],
    });
    const header = {
      "layers.0.0.rotate": tensor([2, 2], 0, "I8"),
      "layers.0.0.weight": tensor([1], 4),
      "layers.0.0.bias": tensor([1], 8),
    };
    const weights = path.join(folder, "reft_model.safetensors");
    await writeFile(weights, safetensorsBytes(header, new Uint8Array(12)));
    await refuses(readReftAdapter(folder), /layers\.0\.0\.rotate is I8, expected F32/);
    await rm(weights);
    await refuses(readReftAdapter(folder), /reft_model\.safetensors does not exist/);
    await refuses(readReftAdapter(path.join(dir, "nothing")), /has no reft_config\.json/);
  });
});
