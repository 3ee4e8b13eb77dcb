import assert from "node:assert/strict";
import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, suite, test } from "node:test";
import {
  type PyreftIntervention,
  readPyreftFolder,
  writePyreftFolder,
} from "../../../src/adapter-files/reft/pyreft-folder.ts";
import { type TorchTensor, readTorchFile } from "../../../src/adapter-files/reft/torch-pickle.ts";
import { torchFileBytes } from "../../../src/adapter-files/reft/torch-write.ts";
import expected from "../../golden/reft/expected.json" with { type: "json" };
import { assertClose } from "../../support/assert-close.ts";
import { refuses } from "../../support/refuses.ts";
import { applyReft } from "./apply-reft.ts";

const golden = path.join(import.meta.dirname, "../../golden/reft");
const FIRST = "intkey_layer_0_comp_block_output_unit_pos_nunit_1#0.bin";
let dir: string;
let count = 0;
before(async () => {
  dir = await mkdtemp(path.join(tmpdir(), "retune-pyreft-"));
});
after(() => rm(dir, { recursive: true }));

interface Config {
  representations: (unknown[] | Record<string, unknown>)[];
  intervention_types: string[];
  [key: string]: unknown;
}

/** A copy of a golden folder, with its config changed. */
async function changed(name: string, change: (config: Config) => void = () => {}) {
  const folder = path.join(dir, `folder-${count++}`);
  await cp(path.join(golden, name), folder, { recursive: true });
  const file = path.join(folder, "config.json");
  const config = JSON.parse(await readFile(file, "utf8")) as Config;
  change(config);
  await writeFile(file, JSON.stringify(config));
  return folder;
}

/** A copy of loreft/ or another whose first file holds other tensors. */
async function withTensors(
  name: string,
  file: string,
  change: (found: Map<string, TorchTensor>) => void,
) {
  const folder = await changed(name);
  const tensors = new Map(await readTorchFile(path.join(folder, file)));
  change(tensors);
  await writeFile(path.join(folder, file), torchFileBytes(tensors));
  return folder;
}

async function filesOf(name: string): Promise<{ files: string[] }> {
  const names = await readdir(path.join(golden, name));
  return { files: names.filter((one) => one.startsWith("intkey_")) };
}

const zeros = (...shape: number[]): TorchTensor => ({
  dtype: "F32",
  shape,
  bytes: new Uint8Array(shape.reduce((a, b) => a * b, 4)),
});

const places = (interventions: readonly PyreftIntervention[]) =>
  interventions.map(({ layer, positionIndex, type, rank, linkedTo }) => [
    layer,
    positionIndex,
    type,
    rank,
    linkedTo,
  ]);

suite("a folder of pyreft's", () => {
  for (const name of ["loreft", "direft", "noreft", "linked", "string"] as const) {
    test(`gives the weights with which PyTorch computes: ${name}`, async () => {
      const { interventions, baseModel } = await readPyreftFolder(path.join(golden, name));
      assert.equal(baseModel, null);
      assert.equal(interventions.length, expected[name].length);
      for (const [i, { rotate, output }] of expected[name].entries()) {
        const made = interventions[i]!;
        assert.deepEqual([made.rank, made.rotate.length, made.component], [2, 16, "block_output"]);
        assertClose(made.rotate, rotate, { rtol: 0, atol: 5e-7 });
        assertClose(applyReft(made, expected.hidden), output, { rtol: 1e-5, atol: 2e-6 });
      }
    });
  }

  test("says layer, index, type and rank of each, in pyreft's order", async () => {
    const read = async (name: string) =>
      places((await readPyreftFolder(path.join(golden, name))).interventions);
    assert.deepEqual(await read("loreft"), [
      [0, 0, "loreft", 2, null],
      [1, 0, "loreft", 2, null],
      [0, 1, "loreft", 2, null],
      [1, 1, "loreft", 2, null],
    ]);
    assert.deepEqual(await read("linked"), [
      [0, 0, "loreft", 2, null],
      [1, 0, "loreft", 2, 0],
    ]);
    assert.deepEqual(await read("string"), [[1, 0, "loreft", 2, null]]);
    assert.deepEqual(await read("noreft"), [
      [1, 0, "noreft", 2, null],
      [0, 0, "noreft", 2, null],
    ]);
  });

  test("is the same under the file names of earlier versions", async () => {
    const now = await readPyreftFolder(path.join(golden, "loreft"));
    for (const name of ["dotted", "repr"]) {
      assert.deepEqual(await readPyreftFolder(path.join(golden, name)), now);
    }
    const string = await changed("string");
    const [file = ""] = (await readdir(string)).filter((name) => name.endsWith(".bin"));
    const older = "intkey_comp.model.layers[1].output.unit.pos.nunit.1#0.bin";
    await cp(path.join(string, file), path.join(string, older));
    await rm(path.join(string, file));
    assert.equal((await readPyreftFolder(string)).interventions[0]?.layer, 1);
  });

  test("is read with representations as objects or of earlier lengths, and a base by name", async () => {
    const now = await readPyreftFolder(path.join(golden, "loreft"));
    const older = await changed("loreft", (config) => {
      config.representations = [
        { layer: 0, component: "block_output", unit: "pos", max_number_of_units: 1 },
        [1, "block_output", "pos", 1, 2],
        [0, "block_output", "pos", 1, 2, null, null, null, null, null, null, null, null],
        [1, "block_output", "pos", 1, 2, null, null, null, null, null, null, null, null, null, 7],
      ];
      config["_name_or_path"] = "org/base";
      delete config["mode"];
    });
    assert.deepEqual(await readPyreftFolder(older), { ...now, baseModel: "org/base" });
  });

  test("of a start that was not trained has R as it began", async () => {
    const file = "intkey_layer_1_comp_block_output_unit_pos_nunit_1#0.bin";
    const original = zeros(8, 2);
    const values = new Float32Array(original.bytes.buffer);
    for (const at of [0, 3]) values[at] = -1;
    const folder = await withTensors("direft", file, (tensors) => {
      tensors.set("rotate_layer.parametrizations.weight.original", original);
    });
    const base = (await readTorchFile(path.join(folder, file))).get(
      "rotate_layer.parametrizations.weight.0.base",
    )!;
    const columns = new Float32Array(base.bytes.slice().buffer).filter((_, i) => i % 8 < 2);
    assert.deepEqual((await readPyreftFolder(folder)).interventions[0]?.rotate, columns);
  });
});

test("a DiReFT folder of the whole width is read as it began, and refused once trained", async () => {
  const file = "intkey_layer_1_comp_block_output_unit_pos_nunit_1#0.bin";
  const stem = "rotate_layer.parametrizations.weight";
  const square = (value: number) =>
    withTensors("direft", file, (tensors) => {
      const original = zeros(8, 8);
      new Float32Array(original.bytes.buffer)[8] = value;
      tensors.set(`${stem}.original`, original);
      tensors.set("learned_source.weight", zeros(8, 8));
      tensors.set("learned_source.bias", zeros(8));
    }).then(async (folder) => {
      const config = path.join(folder, "config.json");
      const json = JSON.parse(await readFile(config, "utf8")) as Config;
      json.representations = [[1, "block_output", "pos", 1, 8]];
      await writeFile(config, JSON.stringify(json));
      return folder;
    });
  const { interventions } = await readPyreftFolder(await square(0));
  assert.equal(interventions[0]?.rotate.length, 64);
  await refuses(readPyreftFolder(await square(0.1)), /trained DiReFT of rank 8, the whole width/);
});

suite("a folder that Retune does not compute", () => {
  test("is refused by the name of a tensor that belongs to nothing", async () => {
    for (const [name, tensor] of [
      ["loreft", "learned_source.gate"],
      ["direft", "rotate_layer.scale"],
      ["noreft", "proj_layer.gain"],
    ] as const) {
      const { files } = await filesOf(name);
      const folder = await withTensors(name, files[0] ?? "", (found) => {
        found.set(tensor, zeros(2));
      });
      await refuses(readPyreftFolder(folder), new RegExp(`tensor ${tensor} is no part of`));
    }
  });

  const cases: [string, (config: Config) => void, RegExp][] = [
    [
      "of another class",
      (config) =>
        (config.intervention_types[1] = "<class 'pyreft.interventions.ConsreftIntervention'>"),
      /intervention_types\.1 is .*ConsreftIntervention.*Retune computes pyreft\.interventions\.Loreft/,
    ],
    [
      "of a class of someone's own",
      (config) => (config.intervention_types[0] = "<class 'os.LoreftIntervention'>"),
      /intervention_types\.0 is "<class 'os\.Lo/,
    ],
    [
      "of fewer types",
      (config) => config.intervention_types.pop(),
      /has 3 entries, representations 4/,
    ],
    [
      "at another place",
      (config) => (config.representations[2] = [0, "mlp_output", "pos", 1, 2]),
      /representations\.2 is for the component "mlp_output".*"block_output" only/,
    ],
    [
      "at another unit",
      (config) => (config.representations[0] = [0, "block_output", "h", 1, 2]),
      /representations\.0 is for unit "h" × 1, expected "pos" × 1/,
    ],
    [
      "over several positions at once",
      (config) => (config.representations[0] = [0, "block_output", "pos", 2, 2]),
      /unit "pos" × 2/,
    ],
    [
      "of another rank than its tensors",
      (config) => (config.representations[0] = [0, "block_output", "pos", 1, 4]),
      /tensor weight is \[2, 8\], but config\.json gives rank 4/,
    ],
    ["in series", (config) => (config["mode"] = "serial"), /: mode: /],
    ["of nothing", (config) => (config.representations = []), /: representations: /],
    ["of text", (config) => (config.representations[0] = ["0"]), /: representations\.0\.layer: /],
    [
      "of a layer without a file",
      (config) => (config.representations[3] = [7, "block_output", "pos", 1, 2]),
      /has no intkey_layer_7_comp_block_output_unit_pos_nunit_1#0\.bin, which config\.json calls for/,
    ],
  ];
  for (const [name, change, message] of cases) {
    test(`is refused: ${name}`, async () =>
      refuses(readPyreftFolder(await changed("loreft", change)), message));
  }

  test("is refused: of pyreft's other classes", () =>
    refuses(readPyreftFolder(path.join(golden, "unknown")), /LobireftIntervention/));

  test("is refused without config.json, and says so of a Trainer's checkpoint", async () => {
    const folder = await changed("loreft");
    await rm(path.join(folder, "config.json"));
    await refuses(readPyreftFolder(folder), /checkpoint of pyreft's Trainer.*ReftModel\.save/);
    await refuses(readPyreftFolder(path.join(dir, "none")), /has no config\.json/);
  });

  test("is refused when the model was trained along, and read when it was not", async () => {
    const folder = await changed("loreft");
    const model = path.join(folder, "pytorch_model.bin");
    await writeFile(model, torchFileBytes(new Map()));
    assert.equal((await readPyreftFolder(folder)).interventions.length, 4);
    await writeFile(model, torchFileBytes(new Map([["lm_head.weight", zeros(1)]])));
    await refuses(readPyreftFolder(folder), /holds lm_head\.weight: the model itself was trained/);
  });

  test("has a classification head where nothing else of the model was trained", async () => {
    const { interventions } = await readPyreftFolder(path.join(golden, "loreft"));
    const folder = path.join(dir, "labels");
    const head = { labels: 3, values: Float32Array.from({ length: 24 }, (_, i) => i / 7) };
    await writePyreftFolder(folder, interventions, head);
    assert.deepEqual((await readPyreftFolder(folder)).head, head);
    const more = new Map([
      ["score.weight", zeros(3, 8)],
      ["model.norm.weight", zeros(8)],
    ]);
    await writeFile(path.join(folder, "pytorch_model.bin"), torchFileBytes(more));
    await refuses(readPyreftFolder(folder), /holds model\.norm\.weight: the model itself/);
  });

  test("is refused by the tensor that is wrong", async () => {
    const cases: [string, TorchTensor | undefined, RegExp][] = [
      ["bias", undefined, /has no tensor bias; it holds weight, rotate_layer/],
      ["bias", zeros(3), /tensor bias is \[3\], expected \[2\]/],
      ["rotate_layer", zeros(2, 8), /tensor rotate_layer is \[2, 8\], expected \[8, 2\]/],
      ["weight", zeros(2, 8, 1), /tensor weight is \[2, 8, 1\], expected \[r, d\]/],
      ["weight", zeros(8, 2), /tensor weight is \[8, 2\], expected \[rank, width\], rank ≤ width/],
      ["weight", zeros(0, 8), /tensor weight is \[0, 8\], expected \[rank, width\]/],
      ["weight", { ...zeros(2, 8), dtype: "I32" }, /tensor weight is I32, expected F32/],
    ];
    for (const [name, tensor, message] of cases) {
      const folder = await withTensors("loreft", FIRST, (tensors) => {
        if (tensor) tensors.set(name, tensor);
        else tensors.delete(name);
      });
      await refuses(readPyreftFolder(folder), message);
    }
  });

  test("is refused with a pickle that would run code", async () => {
    const folder = await changed("loreft");
    await cp(path.join(golden, "pickles/evil.bin"), path.join(folder, FIRST));
    await refuses(readPyreftFolder(folder), /#0\.bin: its pickle asks for "posix\.system"/);
  });
});

suite("a written folder", () => {
  for (const name of ["loreft", "direft", "linked"]) {
    test(`reads back as it was: ${name}`, async () => {
      const read = await readPyreftFolder(path.join(golden, name));
      const folder = path.join(dir, `written-${name}`);
      await writePyreftFolder(folder, read.interventions);
      assert.deepEqual(await readPyreftFolder(folder), read);
    });
  }

  test("is the config that pyreft writes, but for its versions", async () => {
    const folder = path.join(dir, "config");
    for (const name of ["loreft", "linked"]) {
      await mkdir(folder, { recursive: true });
      const { interventions } = await readPyreftFolder(path.join(golden, name));
      await writePyreftFolder(folder, interventions);
      const theirs = await readFile(path.join(golden, name, "config.json"), "utf8");
      const { transformers_version: _, ...config } = JSON.parse(theirs) as Config;
      assert.deepEqual(
        JSON.parse(await readFile(path.join(folder, "config.json"), "utf8")),
        config,
      );
      const names = (of: string) => readdir(of).then((found) => found.toSorted());
      assert.deepEqual(await names(folder), await names(path.join(golden, name)));
    }
  });

  test("lists first positions before last ones, whatever the order given", async () => {
    const { interventions } = await readPyreftFolder(path.join(golden, "loreft"));
    const folder = path.join(dir, "ordered");
    await writePyreftFolder(folder, interventions.toReversed());
    const read = await readPyreftFolder(folder);
    assert.deepEqual(read.interventions, interventions);
  });

  test("completes DiReFT's R to an orthogonal matrix, with which PyTorch can train on", async () => {
    const { interventions } = await readPyreftFolder(path.join(golden, "direft"));
    const folder = path.join(dir, "completed");
    await writePyreftFolder(folder, interventions);
    const file = "intkey_layer_1_comp_block_output_unit_pos_nunit_1#0.bin";
    const tensors = await readTorchFile(path.join(folder, file));
    const { bytes } = tensors.get("rotate_layer.parametrizations.weight.0.base")!;
    const base = new Float32Array(bytes.slice().buffer);
    const products = base.map((_, i) => {
      const [a, b] = [Math.floor(i / 8), i % 8];
      return [0, 1, 2, 3, 4, 5, 6, 7].reduce(
        (sum, k) => sum + base[k * 8 + a]! * base[k * 8 + b]!,
        0,
      );
    });
    assertClose(
      products,
      base.map((_, i) => (i % 9 === 0 ? 1 : 0)),
      { rtol: 0, atol: 1e-6 },
    );
  });

  test("is refused for NoReFT, which pyreft can't load", async () => {
    const { interventions } = await readPyreftFolder(path.join(golden, "noreft"));
    const folder = path.join(dir, "noreft");
    await refuses(writePyreftFolder(folder, interventions), /layer 1 is NoReFT.*save but not load/);
    await assert.rejects(readdir(folder), /ENOENT/);
  });
});
