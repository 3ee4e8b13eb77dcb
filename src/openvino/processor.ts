/** Whether the processor multiplies bfloat16 in hardware: what a runtime in bfloat16 gains by. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { cpus } from "node:os";
import { promisify } from "node:util";

export interface ProcessorUnits {
  /** As the system calls it: "AMD EPYC 9R14". */
  model: string;
  /** `unknown` where the system does not tell without a runtime. */
  bfloat16: "yes" | "no" | "unknown";
  /** As the system names them: amx_bf16, avx512_bf16; bf16 on ARM. */
  units: readonly string[];
}

export interface ProcessorOptions {
  platform?: NodeJS.Platform;
  arch?: string;
  /** /proc/cpuinfo. */
  readCpuinfo?: () => Promise<string>;
  /** One value of macOS's sysctl; rejects for a name that it does not know. */
  readSysctl?: (name: string) => Promise<string>;
  /** What a loaded runtime says that it computes in ("FP32 BF16 INT8"); nobody knows better. */
  capabilities?: readonly string[];
}

const X64_UNITS = ["amx_bf16", "avx512_bf16"];
const ARM_UNITS = ["bf16"];
const MACOS_UNIT = "hw.optional.arm.FEAT_BF16";

export async function processorUnits(options: ProcessorOptions = {}): Promise<ProcessorUnits> {
  const model = cpus()[0]?.model.trim() ?? "";
  const seen = await seenUnits(options);
  const { capabilities } = options;
  if (capabilities) {
    const bfloat16 = capabilities.includes("BF16") ? "yes" : "no";
    return { model, bfloat16, units: seen ?? [] };
  }
  if (seen === undefined) return { model, bfloat16: "unknown", units: [] };
  return { model, bfloat16: seen.length > 0 ? "yes" : "no", units: seen };
}

/** Undefined where the system does not tell. */
async function seenUnits(options: ProcessorOptions): Promise<string[] | undefined> {
  const { platform = process.platform, arch = process.arch } = options;
  if (platform === "linux") {
    const { readCpuinfo = () => readFile("/proc/cpuinfo", "utf8") } = options;
    const text = await readCpuinfo().catch(() => undefined);
    return text === undefined ? undefined : unitsOf(text, arch === "arm64" ? ARM_UNITS : X64_UNITS);
  }
  if (platform === "darwin") {
    // No Mac with an Intel processor has them.
    if (arch !== "arm64") return [];
    const { readSysctl = sysctl } = options;
    return readSysctl(MACOS_UNIT).then(
      (value) => (value.trim() === "1" ? [MACOS_UNIT] : []),
      // A name that this macOS does not know: a processor from before it.
      () => [],
    );
  }
  return undefined;
}

/** Those that every core has: a thread may run on any of them. */
function unitsOf(cpuinfo: string, names: readonly string[]): string[] {
  const cores = [...cpuinfo.matchAll(/^(?:flags|Features)\s*:(?<flags>.*)$/gmu)].map(
    ({ groups }) => new Set(groups?.["flags"]?.split(/\s+/u)),
  );
  return names.filter((name) => cores.length > 0 && cores.every((flags) => flags.has(name)));
}

async function sysctl(name: string): Promise<string> {
  const { stdout } = await promisify(execFile)("/usr/sbin/sysctl", ["-n", name]);
  return stdout;
}
