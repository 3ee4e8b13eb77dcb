/** What `retune doctor` says of a machine. */
import path from "node:path";
import type { OpenvinoSource } from "../openvino/locate.ts";
import { formatBytes } from "../util/format.ts";
import { largest } from "../util/largest.ts";
import type { MachineFacts } from "./doctor-facts.ts";

const SOURCES: Readonly<Record<OpenvinoSource, string>> = {
  named: "the folder in RETUNE_OPENVINO",
  cache: "installed by retune",
  python: "a Python environment's",
  system: "the system's",
};

export function sourceText(source: OpenvinoSource): string {
  return SOURCES[source];
}

/** Label and text; rows without a label go on with the one above. */
export function doctorLines(facts: MachineFacts): string[] {
  const rows = [
    ...machineRows(facts),
    ...onnxruntimeRows(facts),
    ...openvinoRows(facts),
    ...cacheRows(facts),
    ["", ""] as const,
    ["bfloat16", bfloat16Advice(facts)] as const,
  ];
  const width = largest(rows.map(([label]) => label.length));
  return rows.map(([label, text]) => `${label.padEnd(width)}  ${text}`.trimEnd());
}

type Row = readonly [label: string, text: string];

function machineRows({ retune, processor, memory }: MachineFacts): Row[] {
  const { model, threads, bfloat16, units } = processor;
  const told = {
    yes: `bfloat16 by ${units.join(", ") || "the runtime's word"}`,
    no: "no bfloat16 units",
    unknown: "bfloat16 unknown",
  };
  const names = [model, `${threads} ${threads === 1 ? "thread" : "threads"}`, told[bfloat16]];
  return [
    ["retune", `${retune.version}, Node ${retune.node}, ${retune.platform}`],
    ["processor", names.filter((name) => name !== "").join(", ")],
    ["memory", `${formatBytes(memory.availableBytes)} free of ${formatBytes(memory.totalBytes)}`],
  ];
}

function onnxruntimeRows({ onnxruntime: { version, auto, devices } }: MachineFacts): Row[] {
  const usable = devices.filter(({ note }) => note === undefined).map(({ name }) => name);
  const others = devices.filter(({ note }) => note !== undefined).map(({ name }) => name);
  const rest = others.length > 0 ? `; not here: ${others.join(", ")}` : "";
  return [
    [
      "onnxruntime",
      `${version}, devices: ${usable.join(", ")} (tried before use)${rest}; "auto" takes ${auto}`,
    ],
  ];
}

function openvinoRows({ openvino: { found, passedOver } }: MachineFacts): Row[] {
  const rows = passedOver.map((line): Row => ["", line]);
  if (!found) return [["openvino", "not found"], ...rows];
  const gpu = found.libraries.gpuPlugin === undefined ? "" : ", with the GPU plugin";
  const text = `${found.version}, ${sourceText(found.source)}${gpu}: ${found.dir}`;
  return [["openvino", text], ...rows];
}

function cacheRows({ cache }: MachineFacts): Row[] {
  const kinds = Object.entries(cache).map(([kind, { bytes }]) => `${kind} ${formatBytes(bytes)}`);
  return [["cache", `${path.dirname(cache.openvino.dir)}: ${kinds.join(", ")}`]];
}

/** What an OpenVINO in bfloat16 would gain, and how one comes by it. */
function bfloat16Advice({ processor, openvino: { found, offer }, retune }: MachineFacts): string {
  if (processor.bfloat16 === "no") {
    return "this processor has no units for it: OpenVINO would gain nothing here";
  }
  const gain = processor.units.includes("amx_bf16")
    ? "a training step takes 0.35 to 0.45 of float32's time (measured on another processor with amx_bf16)"
    : "a training step takes about 0.6 of float32's time (measured on a processor with avx512_bf16)";
  const may = processor.bfloat16 === "unknown" ? "if this processor has the units, " : "";
  const untried = retune.platform.endsWith("arm64") ? "; untried on ARM" : "";
  if (found) return `ready: ${may}${gain}${untried}`;
  if ("problem" in offer) return `${may}${gain}, but ${offer.problem}`;
  const sizes = `${formatBytes(offer.fetchedBytes)} to fetch, ${formatBytes(offer.installedBytes)} on disk`;
  return `${may}${gain}${untried}; get it: retune install openvino (${sizes})`;
}
