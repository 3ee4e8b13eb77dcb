// Builds the .vsix of one platform: out/retune-<target>.vsix. `node .ci/package.mjs [TARGET]`, where
// TARGET is VS Code's name of a platform (linux-x64, linux-arm64, darwin-arm64, win32-x64, …).
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { root } from "./install.mjs";

/**
 * What VS Code shows of an extension that is installed; the README is for who has a clone. Without
 * pictures: on that page VS Code drops every image that does not come from the web.
 */
const PAGE = "docs/extension-page.md";
const RUNTIME_BINARIES = "node_modules/onnxruntime-node/bin/napi-v6";

/** Builds of the tokenizer's binding by target; a Linux package serves glibc and musl. */
const TOKENIZER_BUILDS = {
  "linux-x64": ["linux-x64-gnu", "linux-x64-musl"],
  "linux-arm64": ["linux-arm64-gnu", "linux-arm64-musl"],
  "darwin-x64": ["darwin-x64"],
  "darwin-arm64": ["darwin-arm64"],
  "win32-x64": ["win32-x64-msvc"],
  "win32-arm64": ["win32-arm64-msvc"],
};

export const hostTarget = `${process.platform}-${process.arch}`;

/** koffi's binary alone, for glibc: OpenVINO's own libraries need that too. */
function foreignCalls(target) {
  const folder = `node_modules/@koromix/koffi-${target}`;
  return [
    `${folder}/package.json`,
    `${folder}/index.js`,
    `${folder}/${target.replace("-", "_")}/koffi.node`,
  ];
}

/** Runs a script of ours or of a package; what it prints is shown only when it fails. */
function node(args) {
  const run = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" });
  if (run.status === 0) return;
  throw new Error(`${args[0]} ended with code ${run.status}\n${run.stdout}${run.stderr}`);
}

/** The repository's files that run on `target` only. */
function binariesFor(target) {
  const runtime = `${RUNTIME_BINARIES}/${target.replace("-", "/")}`;
  const builds = TOKENIZER_BUILDS[target] ?? [];
  const binaries = [
    runtime,
    ...builds.map((build) => `node_modules/tokenizers/tokenizers.${build}.node`),
    ...foreignCalls(target),
  ];
  const missing = binaries.filter((file) => !existsSync(path.join(root, file)));
  if (builds.length === 0) missing.push("a tokenizers binding");
  if (missing.length > 0)
    throw new Error(`no binaries for ${target}: ${missing.join(", ")} missing`);
  return [`${runtime}/**`, ...binaries.slice(1)];
}

export function vsixFile(target = hostTarget) {
  return path.join(root, `out/retune-${target}.vsix`);
}

/** @returns the path of the .vsix */
export function packageExtension(target = hostTarget) {
  const binaries = binariesFor(target);
  const out = path.join(root, "out");
  mkdirSync(out, { recursive: true });
  const allowed = readFileSync(path.join(root, ".vscodeignore"), "utf8");
  const ignoreFile = path.join(out, `vscodeignore-${target}`);
  writeFileSync(ignoreFile, `${allowed}${binaries.map((file) => `!${file}\n`).join("")}`);
  const vsix = vsixFile(target);
  // Where packaging fails, no older one is taken for it.
  rmSync(vsix, { force: true });
  node(["esbuild.mjs"]);
  node(
    [
      ["node_modules/@vscode/vsce/vsce", "package", "--target", target, "--out", vsix],
      ["--ignoreFile", ignoreFile, "--allow-missing-repository", "--no-rewrite-relative-links"],
      ["--readme-path", PAGE],
    ].flat(),
  );
  return vsix;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(path.relative(root, packageExtension(process.argv[2])));
}
