/** Where package managers and OpenVINO's own archives put a runtime. */
import { readdir } from "node:fs/promises";
import path from "node:path";
import type { Machine } from "./machine.ts";

/** Absolute, in the order in which they are tried; most don't exist. */
export async function systemFolders(machine: Machine): Promise<readonly string[]> {
  const { platform, root } = machine;
  if (platform === "win32") return windowsFolders(machine);
  if (platform === "darwin") {
    const brew = ["opt/homebrew/lib", "usr/local/lib"].map((dir) => path.join(root, dir));
    return [...brew, ...(await archiveFolders(path.join(root, "opt/intel"), "lib/arm64/Release"))];
  }
  const isArm = machine.arch === "arm64";
  const triplet = isArm ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
  const libraries = [`usr/lib/${triplet}`, "usr/lib64", "usr/lib", "usr/local/lib"];
  const archives = path.join(root, "opt/intel");
  const conda = machine.env["CONDA_PREFIX"];
  return [
    ...(conda === undefined ? [] : [path.join(conda, "lib")]),
    ...libraries.map((dir) => path.join(root, dir)),
    ...(await archiveFolders(archives, isArm ? "lib/aarch64" : "lib/intel64")),
  ];
}

async function windowsFolders({ env }: Machine): Promise<string[]> {
  const programs = [env["ProgramFiles"], env["ProgramFiles(x86)"]].filter(
    (dir) => dir !== undefined,
  );
  const conda = env["CONDA_PREFIX"];
  const found = await Promise.all(
    programs.map((dir) => archiveFolders(path.join(dir, "Intel"), "bin/intel64/Release")),
  );
  return [...(conda === undefined ? [] : [path.join(conda, "Library", "bin")]), ...found.flat()];
}

/** openvino_2026.4.1/runtime/… and the link openvino_2026, the newest first. */
async function archiveFolders(dir: string, below: string): Promise<string[]> {
  const names = await readdir(dir).catch((): string[] => []);
  const archives = names.filter((name) => /^openvino(?:_[\d.]+)?$/u.test(name)).toSorted();
  return archives.toReversed().map((name) => path.join(dir, name, "runtime", below));
}
