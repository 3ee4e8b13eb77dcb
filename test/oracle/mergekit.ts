/**
 * Two real fine-tunes of the small base, trained here, merged by Retune and by mergekit with the same YAML.
 * Prints the largest difference for each method; of DARE, whose masks differ, the figures that its random
 * numbers must not change. Needs a Python with mergekit 0.1.5:
 *
 *   npx tsx test/oracle/mergekit.ts PYTHON [CASE…]
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { withMergedAdapters } from "../../src/merge/models/with-adapters.ts";
import { mergeByMethod } from "../../src/merge/models/merge-by-method.ts";
import { readMergeConfig } from "../../src/merge/models/mergekit-yaml.ts";
import { readModelWeights } from "../../src/tensors/model-weights.ts";
import { readTensor } from "../../src/tensors/safetensors.ts";

const F32_TOLERANCE = 1e-6;
/** Units in the last place of bfloat16. */
const BF16_TOLERANCE = 1;
/** mergekit's own rounding in float32: more than a unit of what is left where base and change cancel. */
const CANCELLED = 1e-7;
/** DARE: share that is kept, in standard deviations; L1 norm of the change, relative. */
const SHARE_TOLERANCE = 5;
const L1_TOLERANCE = 1e-3;

const [python = "python3", ...asked] = process.argv.slice(2);
const samples = path.join(import.meta.dirname, "../../samples");
const base = path.join(samples, "models/retune-tiny");
const dir = mkdtempSync(path.join(tmpdir(), "retune-mergekit-oracle-"));
let failures = 0;

function run(command: string, args: readonly string[], cwd = dir): void {
  const { status, stderr } = spawnSync(command, args, { encoding: "utf8", cwd });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${stderr.slice(-2000)}`);
}

function train(name: string): void {
  const recipe = {
    base,
    method: { type: "full" },
    data: { train: path.join(samples, `data/${name}-train.jsonl`), maxLength: 128 },
    optimizer: { learningRate: 3e-4, schedule: "cosine" },
    batchSize: 16,
    epochs: 0.3,
    saveEvery: 0,
    seed: 1,
  };
  trainRecipe(name, recipe);
}

function trainRecipe(name: string, recipe: object): void {
  const file = path.join(dir, `${name}.retune.json`);
  writeFileSync(file, JSON.stringify(recipe));
  const cli = path.join(import.meta.dirname, "../../src/cli.ts");
  const tsx = path.join(import.meta.dirname, "../../node_modules/tsx/dist/cli.mjs");
  // The threads of a process from source look for tsx where it was started.
  const args = [tsx, cli, "train", file, "--run-dir", path.join(dir, name)];
  run(process.execPath, args, import.meta.dirname);
}

/** LoRA of one step on the concise model. */
function makeAdapter(): void {
  const recipe = {
    base: path.join(dir, "concise/model"),
    method: { type: "lora", rank: 4 },
    data: { train: path.join(samples, "data/dictionary-train.jsonl"), maxLength: 64 },
    optimizer: { learningRate: 1e-2, schedule: "constant" },
    batchSize: 8,
    maxSteps: 4,
    saveEvery: 0,
    seed: 1,
  };
  trainRecipe("adapter-run", recipe);
  renameSync(path.join(dir, "adapter-run/adapter"), path.join(dir, "adapter"));
}

const weighted = (method: string, rest = "", parameters = "{}"): string => `merge_method: ${method}
${rest}
models:
- model: concise/model
  parameters: {weight: [0.3, 0.7], density: 0.4}
- model: dictionary/model
  parameters: {weight: 0.5, density: 0.6}
parameters: ${parameters}
`;
const withBase = `base_model: ${base}`;
/** Methods without weights. */
function listed(method: string, rest = "", parameters = "{}"): string {
  return weighted(method, rest, parameters).replaceAll(/\n {2}parameters: .*/gu, "");
}
const CASES: Readonly<Record<string, string>> = {
  linear: weighted("linear").replaceAll(/, density: [\d.]+/gu, ""),
  slerp: `merge_method: slerp
base_model: concise/model
models: [{model: dictionary/model}]
parameters: {t: [{filter: mlp, value: [0, 0.4, 1]}, {value: 0.5}]}
`,
  task_arithmetic: weighted("task_arithmetic", withBase, "{lambda: 0.8}").replaceAll(
    /, density: [\d.]+/gu,
    "",
  ),
  ties: weighted("ties", withBase),
  "ties, rescaled": weighted("ties", withBase, "{rescale: true, normalize: false}"),
  passthrough: `merge_method: passthrough
slices:
- sources: [{model: concise/model, layer_range: [0, 3]}]
- sources: [{model: dictionary/model, layer_range: [1, 5], parameters: {scale: [{filter: o_proj, value: 0.5}, {value: 1}]}}]
`,
  dare_linear: weighted("dare_linear", withBase),
  dare_ties: weighted("dare_ties", withBase),
  model_stock: listed("model_stock", withBase),
  "model_stock, by filters": listed("model_stock", withBase, "{filter_wise: true}"),
  nuslerp: weighted("nuslerp"),
  "nuslerp of task vectors": weighted("nuslerp", withBase),
  "nuslerp by rows": weighted("nuslerp", "", "{nuslerp_flatten: false}"),
  "nuslerp by columns": weighted(
    "nuslerp",
    withBase,
    "{nuslerp_flatten: false, nuslerp_row_wise: true}",
  ),
  multislerp: weighted("multislerp"),
  "multislerp of task vectors": weighted("multislerp", withBase),
  karcher: listed("karcher"),
  breadcrumbs: weighted("breadcrumbs", withBase, "{gamma: 0.02}"),
  breadcrumbs_ties: weighted("breadcrumbs_ties", withBase, "{gamma: [0.02, 0.1], rescale: true}"),
  sce: listed("sce", withBase),
  "sce, selected": listed("sce", withBase, "{select_topk: 0.3}"),
  nearswap: `merge_method: nearswap
${withBase}
models: [{model: dictionary/model}]
parameters: {t: [0.0001, 0.001]}
`,
  arcee_fusion: `merge_method: arcee_fusion
${withBase}
models: [{model: dictionary/model}]
`,
  della: weighted("della", withBase),
  della_linear: weighted("della_linear", withBase),
  // As people write them: gradients over slices, a filter for each part, anchors, a slice of one layer.
  "gradient slerp": `slices:
  - sources:
      - model: concise/model
        layer_range: [0, 4]
      - model: dictionary/model
        layer_range: [0, 4]
  - sources:
      - {model: concise/model, layer_range: [4, 5]}
      - {model: dictionary/model, layer_range: [4, 5]}
merge_method: slerp
base_model: concise/model
parameters:
  t:
    - filter: self_attn
      value: [0, 0.5, 0.3, 0.7, 1]
    - filter: mlp
      value: [1, 0.5, 0.7, 0.3, 0]
    - value: 0.5 # fallback for rest of tensors
`,
  "frankenmerge of four slices": `slices:
${[0, 1, 2, 3].map((i) => `  - sources:\n    - model: ${i % 2 ? "concise" : "dictionary"}/model\n      layer_range: [${i}, ${i + 2}]`).join("\n")}
merge_method: passthrough
`,
  "weights by filter": `models:
  - model: ${base}
  - model: concise/model
    parameters:
      density: &d [1, 0.7, 0.1]
      weight: &w
        - {filter: mlp, value: 0.5}
        - {filter: self_attn, value: [0, 0.25, 1]}
        - value: 0
  - model: dictionary/model
    parameters: {density: 1, weight: *w}
merge_method: task_arithmetic
base_model: ${base}
parameters:
  normalize: yes
  int8_mask: true
`,
  "with an adapter": `models:
  - model: concise/model+adapter
    parameters: {weight: "0.5"}
  - model: dictionary/model
    parameters: {weight: 0.5}
merge_method: linear
tokenizer_source: union
`,
};

/** Float32 in which mergekit rounds what a choice hangs on: so many elements of a million may be other ones. */
const CHOICES: Readonly<Record<string, number>> = {
  breadcrumbs: 2000,
  breadcrumbs_ties: 2000,
  "sce, selected": 2000,
};
/** What float32 rounds to noise there is told to mergekit to be computed in double precision. */
const PRECISE = new Set(["nuslerp", "multislerp", "arcee_fusion"]);

type Weights = ReadonlyMap<string, Float32Array>;

async function weightsOf(folder: string): Promise<Weights> {
  const weights = new Map<string, Float32Array>();
  for (const [name, info] of await readModelWeights(folder)) {
    weights.set(name, await readTensor(info));
  }
  return weights;
}

async function bothWays(name: string, yaml: string): Promise<[Weights, Weights]> {
  const file = path.join(dir, "config.yml");
  writeFileSync(file, yaml);
  const [ours, theirs] = [path.join(dir, "ours"), path.join(dir, "theirs")];
  for (const folder of [ours, theirs]) rmSync(folder, { recursive: true, force: true });
  const request = { ...(await readMergeConfig(file)), seed: 7 };
  const place = { outDir: ours, log: () => {}, signal: undefined };
  await withMergedAdapters(request, place, (whole) =>
    mergeByMethod({ request: whole, outDir: ours }),
  );
  const options = ["--no-write-model-card", "--quiet", "--random-seed", "7"];
  options.push("--lora-merge-cache", path.join(dir, "lora"));
  run(path.join(path.dirname(python), "mergekit-yaml"), [file, theirs, ...options]);
  const both: [Weights, Weights] = [await weightsOf(ours), await weightsOf(theirs)];
  const names = both.map((weights) => [...weights.keys()].toSorted().join());
  if (names[0] !== names[1]) throw new Error(`${name}: other tensors than mergekit's`);
  return both;
}

function report(name: string, figure: string, isFine: boolean): void {
  if (!isFine) failures++;
  console.log(`${name}: ${figure}${isFine ? "" : "  DIFFERS"}`);
}

/** Order of the bfloat16 value, so that neighbours differ by 1. */
function ordinal(value: number): number {
  const half = new Uint32Array(Float32Array.of(value).buffer)[0]! >>> 16;
  return half & 0x8000 ? -(half & 0x7fff) : half;
}

interface Compared {
  /** The largest difference among the elements that must agree. */
  worst: number;
  /** Elements that differ by more, at a cut where mergekit keeps others of equal size. */
  atCut: number;
  elements: number;
}

type IsAtCut = (tensor: string, index: number) => boolean;

function largest(
  [ours, theirs]: readonly [Weights, Weights],
  {
    distance,
    limit,
    isAtCut,
  }: { distance: (x: number, y: number) => number; limit: number; isAtCut: IsAtCut },
): Compared {
  const found: Compared = { worst: 0, atCut: 0, elements: 0 };
  for (const [name, values] of ours) {
    const others = theirs.get(name)!;
    found.elements += values.length;
    for (const [i, value] of values.entries()) {
      const off = distance(value, others[i]!);
      if (off > limit && isAtCut(name, i)) found.atCut++;
      else found.worst = Math.max(found.worst, off);
    }
  }
  return found;
}

/** Whether an element is exactly as large as the smallest that TIES keeps with the densities above. */
async function cutsOfTies(): Promise<IsAtCut> {
  const from = await weightsOf(base);
  const sizes = new Map<string, { sizes: Float32Array; cut: number }[]>();
  for (const [name, density] of [
    ["concise", 0.4],
    ["dictionary", 0.6],
  ] as const) {
    for (const [tensor, values] of await weightsOf(path.join(dir, name, "model"))) {
      const start = from.get(tensor)!;
      const own = values.map((value, i) => Math.abs(value - start[i]!));
      const kept = Math.max(1, Math.floor(density * own.length));
      const cut = own.toSorted()[own.length - kept]!;
      sizes.set(tensor, [...(sizes.get(tensor) ?? []), { sizes: own, cut }]);
    }
  }
  return (tensor, index) => sizes.get(tensor)!.some(({ sizes: own, cut }) => own[index] === cut);
}

async function compare(name: string, yaml: string): Promise<void> {
  const choices = CHOICES[name];
  const isAtCut: IsAtCut = name.startsWith("ties")
    ? await cutsOfTies()
    : () => choices !== undefined;
  const text = ({ atCut }: Compared): string =>
    atCut === 0 ? "" : `, but for ${atCut} elements at a cut`;
  const dtype = PRECISE.has(name) ? "dtype: float64\nout_dtype: float32" : "dtype: float32";
  const wide = largest(await bothWays(name, `${yaml}${dtype}\n`), {
    distance: (x, y) => Math.abs(x - y),
    limit: F32_TOLERANCE,
    isAtCut,
  });
  const figure = `float32 ${wide.worst.toExponential(1)}${text(wide)}`;
  const isFew = choices === undefined || wide.atCut * 1e6 <= choices * wide.elements;
  report(name, figure, wide.worst <= F32_TOLERANCE && isFew);
  const both = await bothWays(
    name,
    `${yaml}${dtype.replace(/\nout_dtype.*/u, "")}\nout_dtype: bfloat16\n`,
  );
  const half = largest(both, {
    distance: (x, y) => (Math.abs(x - y) <= CANCELLED ? 0 : Math.abs(ordinal(x) - ordinal(y))),
    limit: BF16_TOLERANCE,
    isAtCut,
  });
  const units = `bfloat16 ${half.worst} units in the last place${text(half)}`;
  report(name, units, half.worst <= BF16_TOLERANCE);
}

/** With one model and density 0.4: kept share, and the L1 norm of the change against the whole one's. */
async function compareRandom(name: string): Promise<void> {
  const one = weighted(name, withBase).replace(/- model: dictionary.*\n.*\n/u, "");
  const [ours, theirs] = await bothWays(name, `${one.replace("[0.3, 0.7]", "1")}dtype: float32\n`);
  const [from, tuned] = [await weightsOf(base), await weightsOf(path.join(dir, "concise/model"))];
  const figures = [ours, theirs].map((merged) => {
    let [kept, moved, norm, whole] = [0, 0, 0, 0];
    for (const [tensor, values] of merged) {
      const [start, end] = [from.get(tensor)!, tuned.get(tensor)!];
      for (const [i, value] of values.entries()) {
        moved += Number(end[i] !== start[i]);
        kept += Number(value !== start[i]);
        norm += Math.abs(value - start[i]!);
        whole += Math.abs(end[i]! - start[i]!);
      }
    }
    return { share: kept / moved, ratio: norm / whole, moved };
  });
  for (const [index, { share, ratio, moved }] of figures.entries()) {
    const who = index === 0 ? "Retune" : "mergekit";
    const deviation = Math.abs(share - 0.4) / Math.sqrt((0.4 * 0.6) / moved);
    report(
      `${name}, ${who}`,
      `kept ${(100 * share).toFixed(3)} % at density 0.4, change's L1 norm ${ratio.toFixed(6)} of the whole`,
      deviation < SHARE_TOLERANCE && Math.abs(ratio - 1) < L1_TOLERANCE,
    );
  }
}

try {
  for (const name of asked) {
    if (!(name in CASES))
      throw new Error(`no case "${name}"; there are ${Object.keys(CASES).join("; ")}`);
  }
  for (const name of ["concise", "dictionary"]) train(name);
  makeAdapter();
  for (const [name, yaml] of Object.entries(CASES)) {
    if (asked.length > 0 && !asked.includes(name)) continue;
    await (/^(dare|della)/u.test(name) ? compareRandom(name) : compare(name, yaml));
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}
console.log(failures === 0 ? "all equal" : `${failures} differ`);
process.exitCode = failures === 0 ? 0 : 1;
