/**
 * Does pyreft load what Retune writes? Writes folders of LoReFT (one and two interventions a layer,
 * and linked ones) and DiReFT with random weights, one with a classification head, and has pyreft compare every tensor, bit for bit.
 * Needs a Python with torch and pyreft:
 *
 *   npx tsx test/oracle/pyreft-load.ts PYTHON
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { uniformFloat64 } from "pure-rand/distribution/uniformFloat64";
import {
  type PyreftIntervention,
  writePyreftFolder,
} from "../../src/adapter-files/reft/pyreft-folder.ts";
import { writeSafetensors } from "../../src/tensors/safetensors.ts";

const WIDTH = 16;
const random = xoroshiro128plus(0);

function matrix(size: number): Float32Array {
  return Float32Array.from({ length: size }, () => uniformFloat64(random) * 2 - 1);
}

/** [d, r] with orthonormal columns, by Gram-Schmidt. */
function orthonormal(rank: number): Float32Array {
  const columns: Float32Array[] = [];
  while (columns.length < rank) {
    let column = matrix(WIDTH);
    for (const other of columns) {
      const along = column.reduce((sum, value, i) => sum + value * (other[i] ?? 0), 0);
      column = column.map((value, i) => value - along * (other[i] ?? 0));
    }
    const length = Math.hypot(...column);
    columns.push(column.map((value) => value / length));
  }
  const element = (i: number) => columns[i % rank]?.[Math.floor(i / rank)] ?? 0;
  return Float32Array.from({ length: WIDTH * rank }, (_, i) => element(i));
}

function intervention(
  type: "loreft" | "direft",
  layer: number,
  { rank = 4, positionIndex = 0 } = {},
): PyreftIntervention {
  return {
    type,
    layer,
    rank,
    positionIndex,
    component: "block_output",
    linkedTo: null,
    rotate: orthonormal(rank),
    weight: matrix(rank * WIDTH),
    bias: matrix(rank),
  };
}

const linked = intervention("loreft", 0);
const cases: Record<string, PyreftIntervention[]> = {
  "loreft-tied": [intervention("loreft", 0), intervention("loreft", 1, { rank: 1 })],
  "loreft-untied": [0, 1].flatMap((layer) =>
    [0, 1].map((positionIndex) => intervention("loreft", layer, { positionIndex })),
  ),
  linked: [linked, { ...linked, layer: 1, linkedTo: 0 }],
  direft: [intervention("direft", 1), intervention("direft", 0, { rank: 7 })],
  "direft-labels": [intervention("direft", 1)],
  mixed: [intervention("direft", 0), intervention("loreft", 1)],
};

/** The rows of a head that labels, trained along. */
const HEADS: Record<string, number> = { "direft-labels": 3 };

const [python = "python3"] = process.argv.slice(2);
const dir = await mkdtemp(path.join(tmpdir(), "retune-oracle-"));
try {
  for (const [name, interventions] of Object.entries(cases)) {
    const folder = path.join(dir, name);
    const labels = HEADS[name];
    const head = labels === undefined ? undefined : { labels, values: matrix(labels * WIDTH) };
    await writePyreftFolder(folder, interventions, head);
    const ofHead = head
      ? [
          {
            name: "score.weight",
            dtype: "F32" as const,
            shape: [head.labels, WIDTH],
            data: new Uint8Array(head.values.buffer),
          },
        ]
      : [];
    const expected = interventions.flatMap(({ layer, positionIndex, rank, ...parts }) => {
      const shapes = { rotate: [WIDTH, rank], weight: [rank, WIDTH], bias: [rank] };
      return (["rotate", "weight", "bias"] as const).map((part) => ({
        name: `${layer}.${positionIndex}.${part}`,
        dtype: "F32" as const,
        shape: shapes[part],
        data: new Uint8Array(parts[part].buffer),
      }));
    });
    await writeSafetensors(path.join(dir, `${name}.safetensors`), [...expected, ...ofHead]);
  }
  const script = path.join(import.meta.dirname, "pyreft_load.py");
  const { stdout } = await promisify(execFile)(python, [script, dir, ...Object.keys(cases)]);
  console.log(stdout.trim());
} finally {
  await rm(dir, { recursive: true });
}
