/** A disk that is full: a small one in memory where this user may mount one, else a file size limit. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, suite, test } from "node:test";
import { mergeAdapters } from "../../src/merge/adapters/merge-adapters.ts";
import { mergeModels } from "../../src/merge/models/weighted-sum.ts";
import { openBaseModel } from "../../src/models/base-model.ts";
import { type Result, saveResult } from "../../src/onnx-engine/save-result.ts";
import { hasCode } from "../../src/util/errors.ts";
import { type PeftLoraConfig, readPeftAdapter } from "../../src/adapter-files/peft/adapter.ts";
import { writePeftFolder } from "../../src/adapter-files/peft/write-folder.ts";
import { writeSafetensors } from "../../src/tensors/safetensors.ts";
import { refuses } from "../support/refuses.ts";

const golden = path.join(import.meta.dirname, "../golden");
const DISK_BYTES = 256 * 1024;

function canMount(folder: string): boolean {
  const options = ["-t", "tmpfs", "-o", `size=${DISK_BYTES}`, "tmpfs", folder];
  return process.platform === "linux" && spawnSync("mount", options).status === 0;
}

const big = (bytes: number) => ({
  name: "big",
  dtype: "U8" as const,
  shape: [bytes],
  data: () => Promise.resolve(new Uint8Array(bytes)),
});

/** What a run gives that trained nothing of a base: all of it is copied. */
async function resultOver(name: string): Promise<Result> {
  const base = await openBaseModel(path.join(golden, "models", name));
  return { base, tuning: {}, tensors: [], starts: {}, baseModel: name } as unknown as Result;
}

const mountPoint = await mkdtemp(path.join(tmpdir(), "retune-full-"));
const isMounted = canMount(mountPoint);

suite("a full disk", { skip: !isMounted && "only root can mount a small disk" }, () => {
  after(() => execFileSync("umount", [mountPoint]));

  test("leaves the earlier adapter and nothing else", async () => {
    const folder = path.join(mountPoint, "adapter");
    await cp(path.join(golden, "models/tied/adapter"), folder, { recursive: true });
    const { config, tensors } = await readPeftAdapter(folder);
    const write = writePeftFolder(folder, config, [big(2 * DISK_BYTES)]);
    await assert.rejects(write, (error) => hasCode(error, "ENOSPC"));
    assert.deepEqual(await readdir(mountPoint), ["adapter"]);
    const again = await readPeftAdapter(folder);
    assert.deepEqual([...again.tensors.keys()], [...tensors.keys()]);
    await writePeftFolder(folder, config as PeftLoraConfig, [big(1000)]);
    await rm(folder, { recursive: true });
  });

  test("leaves the earlier file and nothing else", async () => {
    const file = path.join(mountPoint, "model.safetensors");
    await writeSafetensors(file, [big(1000)]);
    const write = writeSafetensors(file, [big(2 * DISK_BYTES)]);
    await assert.rejects(write, (error) => hasCode(error, "ENOSPC"));
    assert.deepEqual(await readdir(mountPoint), ["model.safetensors"]);
    await rm(file);
  });

  test("is seen before a merge starts", async () => {
    const baseDir = path.join(golden, "models/tied");
    const options = { baseDir, adapterDirs: [path.join(baseDir, "adapter")] };
    const outDir = path.join(mountPoint, "a/merged");
    await refuses(
      mergeAdapters({ ...options, outDir }),
      /needs 1\.1 MB, the disk has 0\.3 MB left; free/,
    );
    assert.deepEqual(await readdir(mountPoint), []);
  });

  test("is seen before a merge of models starts", async () => {
    const models = ["tied", "tied"].map((name) => ({
      dir: path.join(golden, "models", name),
      weight: 0.5,
    }));
    await refuses(
      mergeModels({ models, outDir: path.join(mountPoint, "a/merged") }),
      /needs 1\.1 MB, the disk has 0\.3 MB left; free/,
    );
    assert.deepEqual(await readdir(mountPoint), []);
  });

  test("leaves a run's earlier model and nothing else", async () => {
    const folder = path.join(mountPoint, "model");
    await mkdir(folder);
    await writeFile(path.join(folder, "config.json"), "{}");
    await writeFile(path.join(mountPoint, "other"), new Uint8Array(0.8 * DISK_BYTES));
    await assert.rejects(saveResult(folder, await resultOver("tied")), (error) =>
      hasCode(error, "ENOSPC"),
    );
    assert.deepEqual((await readdir(mountPoint)).toSorted(), ["model", "other"]);
    assert.deepEqual(await readdir(folder), ["config.json"]);
    for (const name of ["model", "other"])
      await rm(path.join(mountPoint, name), { recursive: true });
  });
});

const skip = process.platform === "win32" && "there is no ulimit there";

suite("a limit on the size of files", { skip }, () => {
  let dir: string;
  before(async () => {
    dir = await mkdtemp(path.join(tmpdir(), "retune-limit-"));
  });
  after(() => rm(dir, { recursive: true }));

  test("leaves nothing of a file that exceeds it", async () => {
    const module = path.join(import.meta.dirname, "../../src/tensors/safetensors.ts");
    const script = path.join(dir, "write.mts");
    await mkdir(path.join(dir, "out"));
    await writeFile(
      script,
      `import { writeSafetensors } from ${JSON.stringify(module)};
      const data = async () => new Uint8Array(400_000);
      const tensor = { name: "a", dtype: "U8", shape: [400_000], data };
      await writeSafetensors(process.argv[2], [tensor]).catch((error) => {
        process.stdout.write(error.code);
      });`,
    );
    const node = `ulimit -f 100; exec "$0" --import tsx "$1" "$2"`;
    const file = path.join(dir, "out/model.safetensors");
    const run = spawnSync("sh", ["-c", node, process.execPath, script, file], {
      cwd: path.join(import.meta.dirname, "../.."),
      encoding: "utf8",
      env: { ...process.env, TSX_DISABLE_CACHE: "1" },
    });
    assert.equal(run.stdout, "EFBIG", run.stderr);
    assert.deepEqual(await readdir(path.join(dir, "out")), []);
  });

  for (const what of ["a result", "a merge of adapters", "a merge of models"]) {
    test(`leaves nothing of ${what} that exceeds it`, async () => {
      const script = path.join(dir, "model.mts");
      const from = (file: string): string =>
        JSON.stringify(path.join(import.meta.dirname, "../../src", file));
      await writeFile(
        script,
        `import { mergeAdapters } from ${from("merge/adapters/merge-adapters.ts")};
        import { mergeModels } from ${from("merge/models/weighted-sum.ts")};
        import { openBaseModel } from ${from("models/base-model.ts")};
        import { saveResult } from ${from("onnx-engine/save-result.ts")};
        const [outDir, what, dir] = process.argv.slice(2);
        const writers = {
          "a result": async () => {
            const base = await openBaseModel(dir);
            await saveResult(outDir, { base, tuning: {}, tensors: [], starts: {}, baseModel: "" });
          },
          "a merge of adapters": () =>
            mergeAdapters({ baseDir: dir, adapterDirs: [dir + "/adapter"], outDir }),
          "a merge of models": () =>
            mergeModels({ models: [{ dir, weight: 0.5 }, { dir, weight: 0.5 }], outDir }),
        };
        await writers[what]().catch((error) => process.stdout.write(error.message));`,
      );
      const place = path.join(dir, what.replaceAll(" ", "-"));
      await mkdir(place);
      const node = `ulimit -f 100; exec "$0" --import tsx "$@"`;
      const model = path.join(golden, "models/tied");
      const args = [script, path.join(place, "out"), what, model];
      const run = spawnSync("sh", ["-c", node, process.execPath, ...args], {
        cwd: path.join(import.meta.dirname, "../.."),
        encoding: "utf8",
        env: { ...process.env, TSX_DISABLE_CACHE: "1" },
      });
      assert.match(run.stdout, /EFBIG/u, run.stderr);
      assert.deepEqual(await readdir(place), []);
    });
  }
});

after(() => rm(mountPoint, { recursive: true }));
