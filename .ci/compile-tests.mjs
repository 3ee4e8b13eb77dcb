// Compiles test files before they run: out/unit/. A test file is a process of its own, and tsx, which
// would compile its modules one by one, takes most of the time of the many that test for milliseconds.
import { readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { root } from "./install.mjs";

const compiledTests = path.join(root, "out/unit");

/** zod is a hundred modules; others may look for files beside themselves. */
const COMPILED_PACKAGES = ["zod"];

function packagesLeftAlone() {
  const { dependencies, devDependencies } = JSON.parse(
    readFileSync(path.join(root, "package.json"), "utf8"),
  );
  const names = Object.keys({ ...dependencies, ...devDependencies });
  return names.filter((name) => !COMPILED_PACKAGES.includes(name));
}

/** A module goes on to say of itself what its source says: it finds test/golden and src by that. */
const sourcePlaces = {
  name: "source-places",
  setup({ onLoad }) {
    onLoad({ filter: /\.(ts|mjs)$/ }, ({ path: file }) => {
      if (file.includes(`${path.sep}node_modules${path.sep}`)) return undefined;
      const dirname = JSON.stringify(path.dirname(file));
      const url = JSON.stringify(pathToFileURL(file).href);
      // On the first line, so that the others keep their numbers.
      const places = `const __sourceDirname = ${dirname}, __sourceUrl = ${url};`;
      return {
        contents: places + readFileSync(file, "utf8"),
        loader: file.endsWith(".ts") ? "ts" : "js",
      };
    });
  },
};

/**
 * @param {readonly string[]} files below the root
 * @returns {Promise<string[]>} what Node runs in their place
 */
export async function compileTests(files) {
  rmSync(compiledTests, { recursive: true, force: true });
  await build({
    absWorkingDir: root,
    entryPoints: [...files],
    outbase: root,
    outdir: compiledTests,
    outExtension: { ".js": ".mjs" },
    chunkNames: "chunks/[name]-[hash]",
    bundle: true,
    splitting: true,
    platform: "node",
    format: "esm",
    target: "node20",
    sourcemap: true,
    sourcesContent: false,
    external: packagesLeftAlone(),
    define: { "import.meta.dirname": "__sourceDirname", "import.meta.url": "__sourceUrl" },
    plugins: [sourcePlaces],
    logLevel: "warning",
  });
  return files.map((file) => path.join("out/unit", file.replace(/\.ts$/, ".mjs")));
}
