// Compiles the suites that run inside VS Code into out/vscode/: one file a suite, so that mocha
// loads them like any other; the same files run on the desktop and on the server.
import { readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { build } from "esbuild";
import { root } from "../../.ci/install.mjs";

const here = path.join(root, "test/vscode");
export const compiledSuites = path.join(root, "out/vscode");

export async function buildSuites() {
  rmSync(compiledSuites, { recursive: true, force: true });
  const suites = readdirSync(here).filter((name) => name.endsWith(".test.ts"));
  await build({
    entryPoints: ["host.ts", ...suites].map((name) => path.join(here, name)),
    outdir: compiledSuites,
    outExtension: { ".js": ".cjs" },
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node20",
    sourcemap: "inline",
    alias: { "jsonc-parser": "jsonc-parser/lib/esm/main.js" },
    external: ["vscode", "mocha"],
    logLevel: "warning",
  });
}
