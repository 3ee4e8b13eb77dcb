import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { suite, test } from "node:test";
import {
  type PyreftPlace,
  parsePyreftConfig,
  pyreftConfigJson,
  pyreftFileName,
} from "../../../src/adapter-files/reft/pyreft-config.ts";

const golden = path.join(import.meta.dirname, "../../golden/reft");
type Json = Record<string, unknown>;

const LOREFT = "<class 'pyreft.interventions.LoreftIntervention'>";
const goldenJson = (name: string): Json =>
  JSON.parse(readFileSync(path.join(golden, name, "config.json"), "utf8")) as Json;
const parse = (json: Json) => parsePyreftConfig(json, "config.json");

/** One intervention, its fields in pyvene's order. */
function one(changes: { fields?: readonly unknown[]; type?: string; more?: Json } = {}): Json {
  const { fields = [3, "block_output", "pos", 1, 4], type = LOREFT, more = {} } = changes;
  return { representations: [fields], intervention_types: [type], ...more };
}

suite("a config of pyreft's", () => {
  const folders = ["loreft", "direft", "noreft", "dotted", "repr", "linked", "string"];
  for (const name of folders) {
    test(`names files that pyreft wrote: ${name}`, () => {
      const files = readdirSync(path.join(golden, name));
      const { representations } = parse(goldenJson(name));
      assert(representations.length > 0);
      const linked = new Set<unknown>();
      for (const { fileNames, linkKey } of representations) {
        // Where several share their weights, pyreft saves the first.
        if (linkKey !== null && linked.has(linkKey)) continue;
        linked.add(linkKey);
        assert(
          fileNames.some((file) => files.includes(file)),
          `${fileNames.join(", ")}: ${files.join(", ")}`,
        );
      }
    });
  }

  test("counts interventions at one place in their order", () => {
    const { representations, baseModel } = parse(goldenJson("loreft"));
    assert.deepEqual(
      representations.map(({ layer, positionIndex, rank, type }) => [
        layer,
        positionIndex,
        rank,
        type,
      ]),
      [
        [0, 0, 2, "loreft"],
        [1, 0, 2, "loreft"],
        [0, 1, 2, "loreft"],
        [1, 1, 2, "loreft"],
      ],
    );
    assert.equal(baseModel, null);
  });

  test("reads the layer off a module path", () => {
    for (const component of ["model.layers[15].output", "transformer.h[15].output"]) {
      const [found] = parse(one({ fields: [0, component, "pos", 1, 4] })).representations;
      assert.equal(found?.layer, 15);
      const stem = component.replaceAll(".", "_");
      assert.equal(found.fileNames[0], `intkey_comp_${stem}_unit_pos_nunit_1#0.bin`);
    }
  });

  test("may leave out what later versions added, and the rank", () => {
    const [found] = parse(one({ fields: [3, "block_output", "pos", 1] })).representations;
    assert.deepEqual([found?.layer, found?.rank, found?.linkKey], [3, null, null]);
    const object = {
      layer: 3,
      component: "block_output",
      unit: "pos",
      max_number_of_units: 1,
      low_rank_dimension: 4,
      intervention_link_key: "both",
    };
    const [named] = parse({ ...one(), representations: [object] }).representations;
    assert.deepEqual([named?.layer, named?.rank, named?.linkKey], [3, 4, "both"]);
  });

  test("has a base where it is not empty", () => {
    assert.equal(parse(one({ more: { _name_or_path: "org/base" } })).baseModel, "org/base");
    for (const empty of ["", null]) {
      assert.equal(parse(one({ more: { _name_or_path: empty } })).baseModel, null);
    }
  });

  const refused: [string, Json, RegExp][] = [
    [
      "without interventions",
      { ...one(), representations: [] },
      /^config\.json: representations: /,
    ],
    [
      "with more types than places",
      { ...one(), intervention_types: [LOREFT, LOREFT] },
      /intervention_types has 2 entries, representations 1; they go in pairs/,
    ],
    [
      "for heads",
      one({ fields: [0, "block_output", "h.pos", 1, 4] }),
      /representations\.0 is for unit "h\.pos" × 1, expected "pos" × 1/,
    ],
    ["for several units", one({ fields: [0, "block_output", "pos", 2, 4] }), /unit "pos" × 2/],
    [
      "at another place of the block",
      one({ fields: [0, "mlp_output", "pos", 1, 4] }),
      /representations\.0 is for the component "mlp_output"; .* "block_output" only/,
    ],
    [
      "at a path that only ends like an output",
      one({ fields: [0, "model.layers[1].output.x", "pos", 1, 4] }),
      /component "model\.layers\[1\]\.output\.x"/,
    ],
    [
      "of a negative layer",
      one({ fields: [-1, "block_output", "pos", 1] }),
      /representations\.0\.layer/,
    ],
    ["of rank 0", one({ fields: [0, "block_output", "pos", 1, 0] }), /low_rank_dimension/],
    ["that go one after the other", one({ more: { mode: "serial" } }), /^config\.json: mode: /],
  ];
  for (const [what, json, message] of refused) {
    test(`is refused ${what}`, () =>
      assert.throws(() => parse(json), { name: "InputError", message }));
  }

  test("is refused with a class that is not known by its whole name, inherited words too", () => {
    for (const name of [
      "pyreft.interventions.ConsreftIntervention",
      "evil.LoreftIntervention",
      "constructor",
      "__proto__",
    ]) {
      for (const type of [`<class '${name}'>`, name]) {
        assert.throws(() => parse(one({ type })), {
          name: "InputError",
          message: new RegExp(
            `^config\\.json: intervention_types\\.0 is ${JSON.stringify(type)}; Retune computes pyreft\\.interventions\\.Loreft`,
          ),
        });
      }
    }
  });
});

suite("a config for pyreft", () => {
  const places: readonly PyreftPlace[] = [0, 1, 0, 1].map((layer, i) => ({
    type: "loreft",
    layer,
    rank: 2,
    width: 8,
    positionIndex: Math.floor(i / 2),
    linkKey: null,
  }));

  test("is pyreft's own, but for its versions", () => {
    const { transformers_version: _, ...expected } = goldenJson("loreft");
    assert.deepEqual(JSON.parse(pyreftConfigJson(places)), expected);
    assert.deepEqual(
      places.map(pyreftFileName).toSorted(),
      readdirSync(path.join(golden, "loreft")).filter((name) => name.endsWith(".bin")),
    );
  });

  test("reads back as what it was made of", () => {
    const types = ["loreft", "direft", "noreft", "loreft"] as const;
    const given = places.map((place, i) => ({
      ...place,
      type: types[i]!,
      rank: i + 1,
      linkKey: i,
    }));
    const { representations } = parse(JSON.parse(pyreftConfigJson(given)) as Json);
    assert.deepEqual(
      representations.map(({ fileNames: [fileName], ...each }) => ({ ...each, fileName })),
      given.map((place) => ({
        type: place.type,
        layer: place.layer,
        rank: place.rank,
        positionIndex: place.positionIndex,
        linkKey: place.linkKey,
        fileName: pyreftFileName(place),
      })),
    );
  });
});
