/**
 * The wheels of OpenVINO that *Install bfloat16 Runtime* takes libraries from. Who fetches one decides from where, so
 * that the libraries themselves are pinned. On Linux they are the same bytes in the wheel of every Python (compared:
 * cp311, cp312, cp313, cp314), on Windows and macOS they were built anew for each: cp312's are taken everywhere.
 */
import { InputError } from "../util/errors.ts";
import type { Machine } from "./machine.ts";
import { PINNED_VERSION } from "./runtime-version.ts";

/** What a package client is asked for. */
export const REQUIREMENT = `openvino==${PINNED_VERSION}`;
/** The Python whose wheel is taken, whichever the user has: none is run. */
export const WHEEL_PYTHON = "3.12";

/** For messages. */
export const WHEEL_NAME = `OpenVINO ${PINNED_VERSION}'s wheel for Python ${WHEEL_PYTHON}`;

export interface PinnedLibrary {
  name: string;
  bytes: number;
  sha256: string;
}

export interface PinnedWheel {
  /** As `pip download --platform` names it. */
  pipPlatform: string;
  /** As `uv pip install --python-platform` names it. */
  uvPlatform: string;
  /** About, all of it; for messages and for room on the disk. */
  wheelBytes: number;
  /** The oldest glibc that its libraries load with. */
  glibc?: string;
  libraries: readonly PinnedLibrary[];
  /** Taken when it is asked for. */
  gpu: readonly PinnedLibrary[];
}

const pinned = (...[name, bytes, sha256]: [string, number, string]): PinnedLibrary => ({
  name,
  bytes,
  sha256,
});

/** By Node's platform and architecture. Macs with an Intel processor and Windows on ARM have no wheel of this version. */
const WHEELS: Readonly<Record<string, PinnedWheel>> = {
  "linux-x64": {
    pipPlatform: "manylinux_2_28_x86_64",
    uvPlatform: "x86_64-manylinux_2_28",
    wheelBytes: 59_100_000,
    glibc: "2.28",
    libraries: [
      pinned(
        "libhwloc.so.15",
        473_321,
        "e91be9f5bc1c87aadb08f2e19ebcb742979adda0a5434f72650a154e317e7fb1",
      ),
      pinned(
        "libopenvino.so.2641",
        20_526_937,
        "9b9a80ac1f18e07b13ed54459d9a865bcfe9dc170dbf8fe740c2974b85ecedc1",
      ),
      pinned(
        "libopenvino_c.so.2641",
        377_505,
        "d2d0836d422b21fc5da2739af0d6035df3fc6dd5e4756402eb848974edecf8a5",
      ),
      pinned(
        "libopenvino_intel_cpu_plugin.so",
        63_691_929,
        "6599e3dd300d047b5ed72f8e48101c5f312c25321f35f57f803641ff8372900b",
      ),
      pinned(
        "libopenvino_ir_frontend.so.2641",
        640_313,
        "554e9fd3d4a0fbc587c14379464b2324e24b8ea736cfb749ad2cd9e74dfc09e0",
      ),
      pinned(
        "libopenvino_onnx_frontend.so.2641",
        6_827_321,
        "82d499f5b5e8514def7aaa1ecd5a9f570542d33ae9d00a0077f707cccd0e0192",
      ),
      pinned(
        "libtbb.so.12",
        369_313,
        "ac9518497a4f2cb6729792730f145ee58367316031511923fef263c9ac81ca61",
      ),
      pinned(
        "libtbbbind_2_5.so.3",
        33_025,
        "179ebd1223abd20a461dc978f24090d7ef7c1308b8dff14e4adfe4a21d75543f",
      ),
      pinned(
        "libtbbmalloc.so.2",
        159_729,
        "0cccbdb4783bf190da19b34540fb7f749b0955ec1982d7ac8e5f398365399895",
      ),
    ],
    gpu: [
      pinned(
        "libopenvino_intel_gpu_plugin.so",
        41_732_569,
        "e494cf8fb428f1fecfad35e2bac7b2fb24159ac6b13fe19027f0c4ae36374b33",
      ),
    ],
  },
  "linux-arm64": {
    pipPlatform: "manylinux_2_35_aarch64",
    uvPlatform: "aarch64-manylinux_2_35",
    wheelBytes: 30_300_000,
    glibc: "2.35",
    libraries: [
      pinned(
        "libhwloc.so.15",
        600_441,
        "1a676211ff976f372092cc7946f7283fd3cdf68a35710b841dfec07b2d1dbf1a",
      ),
      pinned(
        "libopenvino.so.2641",
        17_135_873,
        "4a4ce9bb19ab78288b36ff39cbfebf1307c6b1ffda953b0c2b32129a8e89f04a",
      ),
      pinned(
        "libopenvino_arm_cpu_plugin.so",
        44_571_169,
        "839cb0653151d0962e13a129b7b1ad2ffc700b5a1472e847cdcb83e523cf424e",
      ),
      pinned(
        "libopenvino_c.so.2641",
        356_801,
        "dfb34063847add4fe0689583633e74b69d7844e9e5a4b085476b0861c0b28f51",
      ),
      pinned(
        "libopenvino_ir_frontend.so.2641",
        554_009,
        "0c1e737e93e78b5ffaf854d830140d2d84046847e19cd5226a1aff1c56be4431",
      ),
      pinned(
        "libopenvino_onnx_frontend.so.2641",
        5_845_145,
        "2ea8eb7270401e9a1ccf4de9f5fc4bcb3177d00f431a8e9bfa24dfe19b7a4578",
      ),
      pinned(
        "libtbb.so.12",
        274_601,
        "07ad125a3e19dbc40cf74ea6d4bd4c67ad7df5aaff9611178eea99592bc7a921",
      ),
      pinned(
        "libtbbbind_2_5.so.3",
        134_961,
        "f9da5eebe1266d410886c5786a24aaa1bfc6359fffa74902b76466d6ea1f1138",
      ),
      pinned(
        "libtbbmalloc.so.2",
        200_449,
        "bca9902d8052b83cf3c23bed67504dfabe7880c6560a7d3de79b81bdb88ba17f",
      ),
    ],
    gpu: [],
  },
  "win32-x64": {
    pipPlatform: "win_amd64",
    uvPlatform: "x86_64-pc-windows-msvc",
    wheelBytes: 85_000_000,
    libraries: [
      pinned(
        "openvino.dll",
        16_485_648,
        "f6a5f2491bcc9eee95e755d29e2adffcdbaeb96d967b047d9426ad0c67bcaacf",
      ),
      pinned(
        "openvino_c.dll",
        234_248,
        "72d8efa04b926fb4ce62587458d16a1fc1c75dcb2b717a4ce3e28f40c7ae8b43",
      ),
      pinned(
        "openvino_intel_cpu_plugin.dll",
        46_305_552,
        "25c34927b266b3cd4630e7febc2736cc0c24976039bbf3e56913fc1598671771",
      ),
      pinned(
        "openvino_ir_frontend.dll",
        508_688,
        "7e773544a7e99301a90d2b8bc914f212c6e511ff5f92f58808bf593bf0e1e509",
      ),
      pinned(
        "openvino_onnx_frontend.dll",
        5_424_904,
        "305a61060fd64cc3f856e9e81ccc58db821cc6b53d4a94eceb1864c41d5135be",
      ),
      pinned(
        "tbb12.dll",
        337_168,
        "31561a3582e6d0dc5801d079ec23676414296bfce306f0cc9cffbaceaf61d828",
      ),
      pinned(
        "tbbbind_2_5.dll",
        209_168,
        "2401e672c0d36d0501aa43d6a0812a6a3e48c081f5f45b953a7419e60cda6037",
      ),
      pinned(
        "tbbmalloc.dll",
        119_048,
        "60c3960aa9e29eca20eb98b9162be1f29038cae4914de724bffbe4bb2fe17b2e",
      ),
    ],
    gpu: [
      pinned(
        "openvino_intel_gpu_plugin.dll",
        34_673_416,
        "cc5882db2a8a95592b0a21d220a2442a5224936d66f48840d18d46c8697b714b",
      ),
    ],
  },
  "darwin-arm64": {
    pipPlatform: "macosx_11_0_arm64",
    uvPlatform: "aarch64-apple-darwin",
    wheelBytes: 33_300_000,
    libraries: [
      pinned(
        "libhwloc.dylib",
        444_128,
        "a0ad981b16ffc476471b0d91ccaaf38fc06119098c1a7ceee1763f408cd4b5b8",
      ),
      pinned(
        "libopenvino.2641.dylib",
        27_115_744,
        "319dad5cce5990d31151e57af87d41f0f099bfd24b87b2409180f0da47aee910",
      ),
      pinned(
        "libopenvino_arm_cpu_plugin.so",
        70_403_408,
        "9492edf670e0b7828f7bd2438258350c7b83f696b9cded0d8098acc46c1c1f04",
      ),
      pinned(
        "libopenvino_c.2641.dylib",
        422_352,
        "91bbdc63cf27cffb40a049b14d2f66208253b7d36612d9654c72e972aaea8179",
      ),
      pinned(
        "libopenvino_ir_frontend.2641.dylib",
        705_104,
        "27b8d985caf6165594f6323781cb7ae181779f12d374ef9db23f8597b2248858",
      ),
      pinned(
        "libopenvino_onnx_frontend.2641.dylib",
        10_079_280,
        "af2f8809719351a0a497e476e067da0e81e84747d7ac918001d815b592770f2c",
      ),
      pinned(
        "libtbb.12.dylib",
        354_496,
        "683e0ffc1ea6ee8a5b8549c3dad02451cb5de32864971a206dc8c8373e0255c1",
      ),
      pinned(
        "libtbbbind_2_5.3.dylib",
        65_520,
        "52645687806d82214a97d5f4493ea85be79b633acab7a8d2157ce8e981181b9a",
      ),
      pinned(
        "libtbbmalloc.2.dylib",
        127_120,
        "146b292ab8a96b875b026abce06bf4d61a693cdaa661f86b3cb60c7747f788ba",
      ),
    ],
    gpu: [],
  },
};

/** @throws InputError where there is none */
export function wheelFor({ platform, arch }: Pick<Machine, "platform" | "arch">): PinnedWheel {
  const wheel = WHEELS[`${platform}-${arch}`];
  if (wheel) return wheel;
  const there = Object.keys(WHEELS).join(", ");
  throw new InputError(
    `OpenVINO ${PINNED_VERSION} has no wheel for ${platform}-${arch} (there are: ${there}); train in float32`,
  );
}

/** @throws InputError where the system's C library is older than the wheel's, or none that it knows (Alpine) */
export function checkSystem({ glibc }: PinnedWheel, found: string | undefined): void {
  if (glibc === undefined) return;
  const order = new Intl.Collator("en", { numeric: true });
  if (found !== undefined && order.compare(found, glibc) >= 0) return;
  throw new InputError(
    `OpenVINO ${PINNED_VERSION} needs glibc ${glibc} or newer, found ${found ?? "another C library"}; train in float32`,
  );
}

/** Node tells it in its report. */
export function systemGlibc(): string | undefined {
  // It would ask for the names of all that this process is connected to.
  Object.assign(process.report, { excludeNetwork: true });
  const report: unknown = process.report.getReport();
  const header = isRecord(report) ? report["header"] : undefined;
  const version = isRecord(header) ? header["glibcVersionRuntime"] : undefined;
  return typeof version === "string" ? version : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
