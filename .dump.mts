import fs from "node:fs";
import path from "node:path";
import { planEngine } from "/work/h/templates/src/onnx-engine/onnx-engine.ts";
import { runFeeds, trimRows, feedFormOf } from "/work/h/templates/src/onnx-engine/ort-feeds.ts";
import { OrtSession } from "/work/h/templates/src/onnx-engine/ort-session.ts";
import { sessionOptionsOf } from "/work/h/templates/src/onnx-engine/tuned-base.ts";
import { writeOnnxModel } from "/work/h/templates/src/onnx/write-model.ts";
import { evaluateDim } from "/work/h/templates/src/graph/dim.ts";
const [modelDir, out, rowsN, len, mode = "speed"] = process.argv.slice(2);
const R = Number(rowsN),
  T = Number(len);
fs.mkdirSync(out, { recursive: true });
const p = await planEngine({
  baseDir: modelDir,
  method: {
    type: "lora",
    rank: 8,
    alpha: 16,
    dropout: 0,
    targets: "all-linear",
    variant: "lora",
  } as any,
  seed: 1,
  maxLength: T + 1,
  memory: mode as any,
  log: console.error,
});
const so = await sessionOptionsOf(p.base, { threads: 2, prepack: p.plan.prepack });
const { bytes, symbols } = writeOnnxModel(p.graph.graph, so.locate, "standard");
fs.writeFileSync(out + "/dir1.txt", out);
fs.writeFileSync(out + "/ov.onnx", bytes);
fs.writeFileSync(out + "/dir.json", JSON.stringify({ dir: so.weightsDir }));
let s = 12345;
const rnd = () => {
  s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
  return s / 2 ** 32;
};
const examples = Array.from({ length: R }, (_, r) => ({
  ids: Int32Array.from({ length: T + 1 }, () => Math.floor(rnd() * p.base.architecture.vocabSize)),
  weights: new Float32Array(T + 1).fill(1),
  line: r + 1,
}));
const form = feedFormOf(p.graphOptions, p.plan.form);
const { feeds, sizes } = runFeeds(trimRows(examples as any), 1 / (R * T), form);
for (const { name, shape } of p.graph.parameters) {
  const n = (shape as number[]).reduce((a, b) => a * b, 1);
  feeds[name] = Float32Array.from({ length: n }, () => (rnd() - 0.5) * 0.1);
}
const meta: any = {};
const sym = new Map(Object.entries(sizes));
const all: any = { ...feeds };
for (const v of p.graph.graph.inputs)
  meta[v.name] = { type: v.type, dims: v.shape.map((d) => evaluateDim(d, sym as any)) };
for (const q of symbols) {
  const k = "dim." + q;
  all[k] = BigInt64Array.of(BigInt(evaluateDim(q, sym as any)));
  meta[k] = { type: "int64", dims: [1] };
}
for (const k of Object.keys(meta)) {
  const a: any = all[k];
  fs.writeFileSync(
    `${out}/feed1.${k.replaceAll("/", "_")}.bin`,
    new Uint8Array(a.buffer, a.byteOffset, a.byteLength),
  );
}
fs.writeFileSync(out + "/feeds1.json", JSON.stringify(meta));
fs.writeFileSync(out + "/sizes.json", JSON.stringify(sizes));
const sess = await OrtSession.create(p.graph.graph, { ...so });
const times = [];
let o: any;
for (let i = 0; i < 4; i++) {
  const t = performance.now();
  o = await sess.run(feeds as any, sizes as any);
  times.push(Math.round(performance.now() - t));
}
const d: any = o[p.graph.result].data;
fs.writeFileSync(out + "/out1.bin", new Uint8Array(d.buffer, d.byteOffset, d.byteLength));
console.log("ort ms", times, "loss", d[d.length - 1], "n", d.length, sizes, p.plan);
