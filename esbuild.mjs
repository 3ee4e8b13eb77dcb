// Bundles one file per process into dist/: the extension host, the command line, the training
// process and the webviews. `node esbuild.mjs --watch` rebuilds on change.
import { build, context } from "esbuild";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { assignedFields } from "./.ci/assigned-fields.mjs";

/**
 * A hash of what decides about tokens and masks: src/data, the readers of files in src/util, and the versions of
 * the packages that they run on.
 */
function hashOfDataCode() {
  const files = ["src/data", "src/util"].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .toSorted()
      .map((name) => path.join(folder, name)),
  );
  files.push("media/python/render.py");
  const hash = createHash("sha256");
  for (const file of [...files, "package-lock.json"]) hash.update(readFileSync(file));
  return hash.digest("hex");
}

const shared = {
  bundle: true,
  sourcemap: true,
  logLevel: "warning",
  define: {
    "import.meta.dirname": "__dirname",
    "process.env.RETUNE_BUNDLED": '"1"',
    "process.env.RETUNE_DATA_CODE": JSON.stringify(hashOfDataCode()),
  },
};
const node = {
  ...shared,
  platform: "node",
  target: "node20",
  format: "cjs",
  plugins: [assignedFields],
  // Its main file is UMD, whose require calls no bundler sees.
  alias: { "jsonc-parser": "jsonc-parser/lib/esm/main.js" },
};

/** @type {import("esbuild").BuildOptions[]} */
const targets = [
  {
    ...node,
    entryPoints: { extension: "src/extension.ts" },
    outdir: "dist",
    outExtension: { ".js": ".cjs" },
    external: ["vscode"],
  },
  {
    ...node,
    entryPoints: {
      cli: "src/cli.ts",
      trainer: "src/trainer/main.ts",
      "tensor-thread": "src/merge/tensor-thread.ts",
      "encoder-process": "src/data/encoder-process.ts",
      "template-thread": "src/data/templates/template-thread.ts",
    },
    outdir: "dist",
    outExtension: { ".js": ".cjs" },
    external: ["onnxruntime-node", "tokenizers", "koffi"],
  },
  {
    ...shared,
    platform: "browser",
    target: "es2022",
    format: "iife",
    entryPoints: {
      "run-panel": "media/run-panel/main.ts",
      "lab-panel": "media/lab-panel/main.ts",
    },
    outdir: "dist/media",
    loader: { ".css": "css" },
  },
];

/** The recipe's JSON schema, offered to the editor through contributes.jsonValidation. */
async function writeRecipeSchema() {
  await build({
    ...node,
    format: "esm",
    entryPoints: ["src/protocol/recipe-json-schema.ts"],
    outfile: "dist/recipe-json-schema.mjs",
  });
  const url = pathToFileURL("dist/recipe-json-schema.mjs").href;
  const { recipeJsonSchema } = await import(url);
  writeFileSync("dist/recipe.schema.json", JSON.stringify(recipeJsonSchema(), null, 2));
}

/** The memory of a Python that is ready to render: src/data/templates/python.ts. */
async function writePythonSnapshot() {
  await build({
    ...node,
    entryPoints: ["src/data/templates/python.ts"],
    outfile: "dist/python.cjs",
    sourcemap: false,
  });
  const { writeSnapshot } = createRequire(import.meta.url)("./dist/python.cjs");
  const current = await writeSnapshot();
  for (const name of readdirSync("dist")) {
    const isOld = name.endsWith(".snapshot") && name !== path.basename(current);
    if (isOld || name === "python.cjs") rmSync(path.join("dist", name));
  }
}

mkdirSync("dist", { recursive: true });
const present = targets.filter((target) => Object.values(target.entryPoints).every(existsSync));
await writeRecipeSchema();
await writePythonSnapshot();
if (process.argv.includes("--watch")) {
  for (const target of present) await (await context(target)).watch();
} else {
  await Promise.all(present.map((target) => build(target)));
}
