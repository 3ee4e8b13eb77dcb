/** With a small wheel of the real one's layout, which a client of the test's fetches; test/oracle/install-openvino.ts takes the real ones. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, after, test } from "node:test";
import { zipSync } from "fflate";
import { type InstallOptions, installOpenvino } from "../../src/openvino/install.ts";
import type { Machine } from "../../src/openvino/machine.ts";
import type { PackageClient } from "../../src/openvino/package-clients.ts";
import {
  type PinnedLibrary,
  type PinnedWheel,
  checkSystem,
  systemGlibc,
  wheelFor,
} from "../../src/openvino/wheels.ts";
import { libraryNames } from "../support/openvino-files.ts";
import { currentProcessIdentity } from "../../src/util/process-identity.ts";
import { processMark } from "../../src/util/process-mark.ts";
import { refuses } from "../support/refuses.ts";
import { tempDir } from "../support/temp-dir.ts";

const NAMES = libraryNames("linux", "2641");
const UNWANTED = new Set(
  NAMES.all.filter((name) => /pytorch|auto|json|\.pc|\.lib|debug/u.test(name)),
);
/** Past what one read of the file brings, and what does not compress: the truncated ones below end in the midst of it. */
const PLUGIN_BYTES = 3 * 2 ** 20;

const contents = new Map(
  NAMES.all.map((name) => [name, randomBytes(name === NAMES.cpu ? PLUGIN_BYTES : 1_000)]),
);
const pin = (name: string): PinnedLibrary => {
  const bytes = contents.get(name) ?? Buffer.alloc(0);
  return { name, bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
};
const WHEEL: PinnedWheel = {
  pipPlatform: "manylinux_2_28_x86_64",
  uvPlatform: "x86_64-manylinux_2_28",
  wheelBytes: PLUGIN_BYTES,
  libraries: NAMES.all.filter((name) => name !== NAMES.gpu && !UNWANTED.has(name)).map(pin),
  gpu: [pin(NAMES.gpu)],
};

/** Entries of the wheel, and more or others. */
function wheelBytes(change: Readonly<Record<string, Uint8Array>> = {}): Uint8Array {
  const libraries = [...contents].map(([name, bytes]) => [`openvino/libs/${name}`, bytes] as const);
  return zipSync({
    "openvino/__init__.py": Buffer.from("# Python"),
    ...Object.fromEntries(libraries),
    "openvino-2026.4.1.dist-info/METADATA": Buffer.from("Name: openvino"),
    ...change,
  });
}

/** A client that runs a line of Node in the folder where the wheel shall come. */
function client(name: string, script: string, brings: PackageClient["brings"] = "wheel") {
  return {
    command: [process.execPath, "-e", script, name],
    brings,
    args: () => [],
  } satisfies PackageClient;
}

function setUp(context: TestContext, bytes: Uint8Array = wheelBytes()) {
  const root = tempDir(context);
  const wheelFile = path.join(root, "openvino-2026.4.1-cp312-cp312-manylinux_2_28_x86_64.whl");
  writeFileSync(wheelFile, bytes);
  const machine: Machine = { platform: "linux", arch: "x64", env: {}, home: root, root };
  const cacheDir = path.join(root, "cache/openvino");
  const lines: string[] = [];
  const copies = `require("fs").copyFileSync(${JSON.stringify(wheelFile)}, "openvino.whl")`;
  const options = {
    machine,
    cacheDir,
    wheel: WHEEL,
    clients: [client("copy", copies)],
    log: (line: string) => lines.push(line),
  } satisfies InstallOptions;
  const left = () => (existsSync(cacheDir) ? readdirSync(cacheDir) : []);
  return { root, wheelFile, cacheDir, lines, options, left };
}

const installed = (cacheDir: string) => readdirSync(path.join(cacheDir, "2026.4.1")).toSorted();

test("the pinned libraries come out of the wheel, no other, and the second time nothing is fetched", async (context) => {
  const { options, cacheDir, left, lines } = setUp(context);
  const { runtime, isNew } = await installOpenvino(options);
  assert.equal(isNew, true);
  assert.equal(runtime.source, "cache");
  assert.equal(runtime.dir, path.join(cacheDir, "2026.4.1"));
  assert.deepEqual(left(), ["2026.4.1"]);
  assert.deepEqual(installed(cacheDir), WHEEL.libraries.map(({ name }) => name).toSorted());
  for (const { name } of WHEEL.libraries) {
    assert.deepEqual(readFileSync(path.join(runtime.dir, name)), contents.get(name));
  }
  assert.match(lines.join("\n"), /fetches OpenVINO 2026\.4\.1, about 3\.15 MB/u);
  const again = await installOpenvino({ ...options, clients: [] });
  assert.equal(again.isNew, false);
  assert.deepEqual(again.runtime, runtime);
  const withGpu = await installOpenvino({ ...options, gpu: true });
  assert.equal(withGpu.isNew, true);
  assert.equal(withGpu.runtime.libraries.gpuPlugin, path.join(runtime.dir, NAMES.gpu));
  assert.deepEqual(left(), ["2026.4.1"]);
});

test("a client that unpacks wheels, and a wheel fetched elsewhere, serve as well", async (context) => {
  const { options, root, wheelFile, cacheDir } = setUp(context);
  const libs = path.join(root, "packages/openvino/libs");
  mkdirSync(libs, { recursive: true });
  for (const [name, bytes] of contents) writeFileSync(path.join(libs, name), bytes);
  const copies = `require("fs").cpSync(${JSON.stringify(path.join(root, "packages"))}, ".", { recursive: true })`;
  const clients = [client("unpack", copies, "packages")];
  assert.equal((await installOpenvino({ ...options, clients })).isNew, true);
  assert.equal(installed(cacheDir).length, WHEEL.libraries.length);
  const given = await installOpenvino({ ...options, clients: [], wheelFile, gpu: true });
  assert.equal(given.isNew, true);
  assert.equal(installed(cacheDir).length, WHEEL.libraries.length + 1);
});

test("a client that is missing or fails leaves the word to the next", async (context) => {
  const { options, lines } = setUp(context);
  const absent = { ...client("", ""), command: ["retune-no-such-client"] } satisfies PackageClient;
  const failing = client("f", `console.error("ERROR: no index"); process.exit(1)`);
  const empty = client("e", "");
  const clients = [absent, failing, empty, ...options.clients];
  assert.equal((await installOpenvino({ ...options, clients })).isNew, true);
  assert.doesNotMatch(lines.join("\n"), /retune-no-such-client/u);
  assert.match(lines.join("\n"), /ERROR: no index/u);
  assert.match(lines.join("\n"), /brought no wheel/u);
});

test("where no way works, the reasons and the command to type are one line", async (context) => {
  const { options, left } = setUp(context);
  const type =
    /pip download --no-deps --only-binary=:all: --platform manylinux_2_28_x86_64 --python-version 3\.12 openvino==2026\.4\.1, and then here: retune install openvino --wheel FILE$/u;
  await refuses(installOpenvino({ ...options, clients: [] }), type);
  await refuses(installOpenvino({ ...options, clients: [] }), /neither uv nor pip on PATH/u);
  const failing = client(
    "f",
    `console.log("x"); console.error("ERROR: no index"); process.exit(1)`,
  );
  await refuses(
    installOpenvino({ ...options, clients: [failing, failing] }),
    /f, .* f: ERROR: no index\); type/u,
  );
  assert.deepEqual(left(), []);
});

const BAD: Readonly<Record<string, { bytes: () => Uint8Array; message: RegExp }>> = {
  "one bit of a library is another": {
    bytes: () => {
      const bytes = Buffer.from(contents.get(NAMES.core) ?? []);
      bytes[500] = (bytes[500] ?? 0) ^ 1;
      return wheelBytes({ [`openvino/libs/${NAMES.core}`]: bytes });
    },
    message:
      /libs\/libopenvino\.so\.2641 has SHA-256 [0-9a-f]{64}, expected [0-9a-f]{64}, as in OpenVINO 2026\.4\.1's wheel for Python 3\.12/u,
  },
  "the wheel is truncated": {
    bytes: () => wheelBytes().subarray(0, 2 ** 20),
    message: /ends after \d+ of 3145728 bytes; fetch it again/u,
  },
  "a library is longer than it says": {
    bytes: () => wheelBytes({ [`openvino/libs/${NAMES.core}`]: new Uint8Array(2 ** 21) }),
    message: /is larger than 1000 bytes/u,
  },
  "the wheel is of another version": {
    bytes: () =>
      zipSync(
        Object.fromEntries(
          libraryNames("linux", "2640").all.map((name) => [
            `openvino/libs/${name}`,
            randomBytes(9),
          ]),
        ),
      ),
    message: /is missing|ends after/u,
  },
  "it is no zip file": {
    bytes: () => Buffer.from("<html>"),
    message: /\.whl can't be read: it is no zip file/u,
  },
  "it is empty": { bytes: () => new Uint8Array(), message: /is missing/u },
};

for (const [what, { bytes, message }] of Object.entries(BAD)) {
  test(`refused in one line, and the earlier runtime stays: ${what}`, async (context) => {
    const { options, wheelFile, cacheDir, left } = setUp(context);
    await installOpenvino(options);
    const before = installed(cacheDir);
    writeFileSync(wheelFile, bytes());
    const work = installOpenvino({ ...options, gpu: true, wheelFile });
    await refuses(work, message);
    await refuses(installOpenvino({ ...options, gpu: true }), message);
    assert.deepEqual(left(), ["2026.4.1"]);
    assert.deepEqual(installed(cacheDir), before);
  });
}

test("an entry that leads out of the folder is not written", async (context) => {
  const outside = {
    "openvino/libs/../../../../escaped": Buffer.from("x"),
    "/escaped": Buffer.from("x"),
  };
  const { options, root } = setUp(context, wheelBytes(outside));
  await installOpenvino(options);
  const found = readdirSync(root, { recursive: true }).filter((name) =>
    /escaped/u.test(String(name)),
  );
  assert.deepEqual(found, []);
});

test("cancelled, the client ends and nothing is left", async (context) => {
  const { options, root, left } = setUp(context);
  const pidFile = path.join(root, "pid");
  const waits = `require("fs").writeFileSync(${JSON.stringify(pidFile)}, String(process.pid)); console.log("ready"); setInterval(() => {}, 1000)`;
  const abort = new AbortController();
  const log = (line: string): void => {
    if (line.endsWith("ready")) abort.abort();
  };
  const clients = [client("wait", waits), ...options.clients];
  await assert.rejects(installOpenvino({ ...options, clients, log, signal: abort.signal }), {
    name: "AbortError",
  });
  assert.deepEqual(left(), []);
  const pid = Number(readFileSync(pidFile, "utf8"));
  assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
});

test("what a killed installation left is tidied up", async (context) => {
  const { options, cacheDir, left } = setUp(context);
  const { pid } = spawnSync(process.execPath, ["-e", ""]);
  const mark = await processMark({ ...(await currentProcessIdentity()), pid });
  mkdirSync(path.join(cacheDir, `2026.4.1.${mark}.tmp/fetched`), { recursive: true });
  await installOpenvino(options);
  assert.deepEqual(left(), ["2026.4.1"]);
});

const DISK = await mkdtemp(path.join(tmpdir(), "retune-full-"));
const isMounted =
  process.platform === "linux" &&
  spawnSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", DISK]).status === 0;
after(async () => {
  if (isMounted) execFileSync("umount", [DISK]);
  await rm(DISK, { recursive: true });
});

const skip = !isMounted && "only root can mount a small disk";
test(
  "a full disk is told, before anything is fetched and while it is written",
  { skip },
  async (context) => {
    const { options, wheelFile } = setUp(context);
    const cacheDir = path.join(DISK, "openvino");
    const work = installOpenvino({ ...options, cacheDir });
    await refuses(
      work,
      /installing OpenVINO takes 0\.1 GB and 0\.0 GB are free; make room, or set RETUNE_CACHE/u,
    );
    assert.deepEqual(readdirSync(cacheDir), []);
    // Room enough when it begins, taken by another while the client fetches.
    execFileSync("mount", ["-o", "remount,size=80m", DISK]);
    const fills = `const fs = require("fs");
    fs.writeFileSync(${JSON.stringify(path.join(DISK, "other"))}, Buffer.alloc(78e6));
    fs.copyFileSync(${JSON.stringify(wheelFile)}, "openvino.whl")`;
    const clients = [client("fill", fills), ...options.clients];
    await refuses(
      installOpenvino({ ...options, cacheDir, clients }),
      /^the disk is full; make room, or set RETUNE_CACHE/u,
    );
    assert.deepEqual(readdirSync(cacheDir), []);
  },
);

test("a machine without a wheel, or with an older C library, is told at once", () => {
  assert.throws(() => wheelFor({ platform: "darwin", arch: "x64" }), {
    message:
      "OpenVINO 2026.4.1 has no wheel for darwin-x64 (there are: linux-x64, linux-arm64, win32-x64, darwin-arm64); train in float32",
  });
  const wheel = wheelFor({ platform: "linux", arch: "arm64" });
  assert.throws(() => checkSystem(wheel, "2.31"), /needs glibc 2\.35 or newer, found 2\.31/u);
  assert.throws(() => checkSystem(wheel, undefined), /found another C library/u);
  checkSystem(wheel, "2.35");
  checkSystem(wheel, "2.100");
  if (process.platform === "linux") assert.match(systemGlibc() ?? "musl", /^(?:\d+\.\d+|musl)$/u);
});
