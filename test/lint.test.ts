// The table "Who may import whom" of docs/architecture.md against the linter that enforces it. Every
// import that the table forbids is planted in a copy of the layout and must be reported with our
// message, `import type` included; every import that it allows is planted too and must pass.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { build, type Metafile } from "esbuild";
import { CONFIG, importConfig, readTable } from "../.ci/import-table.mjs";
import { CONFIG as PLACES_CONFIG, PLACES, placesConfig } from "../.ci/one-place.mjs";
import { lintPlanted } from "./support/planted-lint.ts";

const root = path.resolve(fileURLToPath(import.meta.url), "../..");

const RUNTIMES = ["onnxruntime-node", "onnxruntime-common", "@tensorflow/tfjs"];
const TOKENIZERS = ["tokenizers", "pyodide"];
/** Rows that the extension host bundles, whole or in part. */
const HOST_ROWS = ["util", "protocol", "tensors", "cards", "runs", "ui", "extension.ts"];

const { rows, folders } = readTable();
type Row = (typeof rows)[number];
const isFolder = (name: string) => folders.includes(name);

interface Import {
  row: string;
  target: string;
  /** "" or "models/": a folder in the row's. */
  inner: string;
  statement: string;
}

/** @param inner a folder in the row's own, which may be called as another row is */
function fileOf(row: string, inner = ""): string {
  if (row === "media/*") return "media/run-panel/planted.ts";
  return row.endsWith(".ts") ? `src/${row}` : `src/${row}/${inner}planted.ts`;
}

function specifier({ row, target, inner }: Omit<Import, "statement">): string {
  if (!folders.includes(target)) return target;
  if (row === "media/*") return `../../src/${target}/planted.ts`;
  if (row.endsWith(".ts")) return `./${target}/planted.ts`;
  return `${inner === "" ? "" : "../"}../${target}/planted.ts`;
}

function importOf(row: string, target: string, kind: "value" | "type", inner = ""): Import {
  const keyword = kind === "type" ? "import type" : "import";
  const name = `${kind}_${target.replaceAll(/\W/g, "_")}`;
  const statement = `${keyword} { ${name} } from "${specifier({ row, target, inner })}";`;
  return { row, target, inner, statement };
}

/** Lints all of them at once, one import a line. Returns each one's message, "" when it passed. */
function lintImports(imports: readonly Import[]): Map<Import, string> {
  const places = new Map<string, Import>();
  const files = new Set(imports.map(({ row, inner }) => fileOf(row, inner)));
  const texts: Record<string, string> = {};
  for (const file of files) {
    const inFile = imports.filter(({ row, inner }) => fileOf(row, inner) === file);
    texts[file] = inFile.map(({ statement }) => statement).join("\n");
    inFile.forEach((planted, index) => places.set(`${file}:${index + 1}`, planted));
  }
  const report = lintPlanted(texts);
  const messages = new Map(imports.map((planted) => [planted, ""]));
  for (const { code, help, filename, labels } of report.diagnostics) {
    const planted = places.get(`${filename}:${labels[0]?.span.line}`);
    if (planted && code === "eslint(no-restricted-imports)") messages.set(planted, help);
  }
  assert.equal(report.number_of_files, files.size);
  return messages;
}

function forbiddenIn({ name, allowed }: Row): string[] {
  const ours = folders.filter((folder) => folder !== name && !allowed.includes(folder));
  const unless = (listed: string, packages: readonly string[]) =>
    allowed.includes(listed) ? [] : packages;
  return [
    ...ours,
    ...unless("vscode", ["vscode"]),
    ...unless("onnxruntime", RUNTIMES),
    ...unless("tokenizers", TOKENIZERS),
  ];
}

test("the linter's table is the one of docs/architecture.md: node .ci/import-table.mjs writes it", () => {
  const written: unknown = JSON.parse(readFileSync(path.join(root, CONFIG), "utf8"));
  assert.deepEqual(written, importConfig());
});

test("the table names every source folder", () => {
  const inSource = readdirSync(path.join(root, "src"), { withFileTypes: true });
  const unlisted = inSource.filter((one) => one.isDirectory() && !folders.includes(one.name));
  assert.deepEqual(
    unlisted.map(({ name }) => name),
    [],
  );
});

test("the table has no circle of folders", () => {
  // The command line imports everything, and nobody imports it.
  const allowed = new Map(rows.map(({ name, allowed: to }) => [name, to.filter(isFolder)]));
  const reaches = (from: string): Set<string> => {
    const found = new Set<string>();
    const open = [...(allowed.get(from) ?? [])];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (found.has(next)) continue;
      found.add(next);
      open.push(...(allowed.get(next) ?? []));
    }
    return found;
  };
  const circular = folders.filter((folder) => folder !== "cli" && reaches(folder).has(folder));
  assert.deepEqual(circular, []);
});

test("every import that the table forbids is reported with our message", () => {
  const forbidden = rows.flatMap((row) =>
    forbiddenIn(row).flatMap((target) => [
      importOf(row.name, target, "value"),
      importOf(row.name, target, "type"),
      ...(isFolder(row.name) ? [importOf(row.name, target, "value", "models/")] : []),
    ]),
  );
  assert.ok(forbidden.length > 100, `only ${forbidden.length} violations planted`);
  const messages = lintImports(forbidden);
  const missed = forbidden.filter(
    (planted) => !messages.get(planted)?.endsWith("(docs/architecture.md)."),
  );
  assert.deepEqual(
    missed.map(({ row, statement }) => `${row}: ${statement}`),
    [],
  );
});

test("every import that the table allows passes", () => {
  const allowed = rows.flatMap((row) =>
    [...row.allowed, row.name]
      .filter((target) => folders.includes(target) || target === "vscode" || target === "zod")
      .map((target) => importOf(row.name, target, row.name === "media/*" ? "type" : "value")),
  );
  assert.ok(allowed.length > 30, `only ${allowed.length} imports planted`);
  const messages = lintImports(allowed);
  const reported = allowed.filter((planted) => messages.get(planted) !== "");
  assert.deepEqual(
    reported.map(({ row, statement }) => `${row}: ${statement}`),
    [],
  );
});

test("JSON.parse is reported everywhere but in the one reader of JSON", () => {
  const planted = ["src/data/planted.ts", "src/ui/views/planted.ts", "media/run-panel/planted.ts"];
  const reader = ["src/util/json.ts", "src/util/json-parser.ts"];
  const text = 'export const a: unknown = JSON.parse("1");\n';
  const files = [...planted, ...reader].map((file) => [file, text] as const);
  const { diagnostics } = lintPlanted(Object.fromEntries(files));
  const found = diagnostics.filter(({ code }) => code === "eslint(no-restricted-properties)");
  assert.deepEqual(found.map(({ filename }) => filename).toSorted(), planted.toSorted());
});

test("the linter's places are those of .ci/one-place.mjs, which writes them", () => {
  const written: unknown = JSON.parse(readFileSync(path.join(root, PLACES_CONFIG), "utf8"));
  assert.deepEqual(written, placesConfig());
});

test("what has one place in the editor is reported everywhere else, and in the place of another", () => {
  const inEditor = PLACES.filter(({ files }) => files.includes("src/ui/**"));
  const homes = inEditor.map(({ place: [home = ""] }) => home.replace("**", "planted.ts"));
  const names = inEditor.map(({ calls }) => calls.map(({ property }) => property));
  const lines = names.flat().map((name) => `export const ${name}Of = (api: any) => api.${name};\n`);
  const files = [...homes, "src/ui/views/planted.ts", "src/extension.ts"];
  const { diagnostics } = lintPlanted(
    Object.fromEntries(files.map((file) => [file, lines.join("")])),
  );
  const found = diagnostics.filter(({ code }) => code === "eslint(no-restricted-properties)");
  for (const file of files) {
    const own = names[homes.indexOf(file)] ?? [];
    const there = found.filter(({ filename }) => filename === file).length;
    assert.equal(there, lines.length - own.length, file);
  }
});

test("recipes are parsed by src/util/jsonc.ts alone, which knows how deep they may be", () => {
  const sources = readdirSync(path.join(root, "src"), { recursive: true, encoding: "utf8" });
  const users = sources.filter(
    (file) =>
      file.endsWith(".ts") &&
      /\b(?:parseTree|visit|parse)\b[^;]*from "jsonc-parser"/u.test(
        readFileSync(path.join(root, "src", file), "utf8"),
      ),
  );
  assert.deepEqual(users, [path.join("util", "jsonc.ts")]);
});

test("a circle is reported, also one that only types close", () => {
  const { diagnostics } = lintPlanted({
    "src/util/a.ts": 'import type { B } from "./b.ts";\nexport type A = B[];\n',
    "src/util/b.ts": 'import type { A } from "./a.ts";\nexport type B = A | 1;\n',
  });
  const circles = diagnostics.filter(({ code }) => code === "import(no-cycle)");
  assert.deepEqual(circles.map(({ filename }) => filename).toSorted(), [
    "src/util/a.ts",
    "src/util/b.ts",
  ]);
});

test("a comment that begins with Of is reported: comments are sentences", () => {
  const { diagnostics } = lintPlanted({
    "src/util/planted.ts":
      "/** Of a run. */\nexport const a = 1;\n// The name of a run.\nexport const b = 2;\n",
  });
  assert.deepEqual(
    diagnostics.map(({ code, labels }) => [code, labels[0]?.span.line]),
    [["eslint(no-warning-comments)", 1]],
  );
});

test("a webview may not import a value from protocol", () => {
  const planted = importOf("media/*", "protocol", "value");
  assert.match(lintImports([planted]).get(planted) ?? "", /types from protocol only/);
});

test("vscode is reported in a source folder that has no row yet", () => {
  const planted = importOf("brand-new-folder", "vscode", "value");
  assert.match(lintImports([planted]).get(planted) ?? "", /vscode is imported only under src\/ui/);
});

test("a runtime or a tokenizer is reported wherever the extension host could reach it", () => {
  const planted = HOST_ROWS.flatMap((row) =>
    [...RUNTIMES, ...TOKENIZERS].map((target) => importOf(row, target, "value")),
  );
  const messages = lintImports(planted);
  assert.deepEqual(
    planted.filter((one) => !messages.get(one)).map(({ row, target }) => `${row}: ${target}`),
    [],
  );
});

/** Everything that ends up in, or is required by, a bundle that starts at `entry`. */
async function reachableFrom(entry: string): Promise<string[]> {
  const { metafile } = await build({
    entryPoints: [path.join(root, entry)],
    absWorkingDir: root,
    bundle: true,
    write: false,
    metafile: true,
    platform: "node",
    format: "cjs",
    outdir: "out",
    external: ["vscode", "onnxruntime-node", "tokenizers"],
    logLevel: "silent",
  });
  return modulesOf(metafile);
}

function modulesOf(metafile: Metafile): string[] {
  const inputs = Object.entries(metafile.inputs);
  const external = inputs.flatMap(([, { imports }]) =>
    imports.filter((one) => one.external).map((one) => one.path),
  );
  return [...inputs.map(([file]) => file), ...external];
}

const isEngine = (module: string) =>
  /onnxruntime|@tensorflow|^tokenizers$|^pyodide$|^src\/(trainer|training|onnx-engine|objectives|graph|models|methods|onnx|merge|data)\//.test(
    module,
  );

test("the extension's bundle holds no engine, no runtime and no tokenizer", async () => {
  const modules = await reachableFrom("src/extension.ts");
  assert.ok(modules.includes("vscode"), "the bundle was read");
  assert.deepEqual(modules.filter(isEngine), []);
});

/** What makes a base's copy, which the extension host only names. */
const isImport = (module: string) => /^src\/(?:gguf|families)\/import|load-base\.ts$/u.test(module);

test("the extension's bundle reads references to bases and loads none", async () => {
  const modules = await reachableFrom("src/extension.ts");
  assert.ok(modules.includes("src/bases/references.ts"));
  assert.deepEqual(modules.filter(isImport), []);
});

test("the same look at the training process finds the engine, and what loads bases", async () => {
  const modules = await reachableFrom("src/trainer/main.ts");
  assert.ok(modules.includes("onnxruntime-node"));
  assert.ok(modules.filter(isEngine).length > 5);
  assert.deepEqual(modules.filter(isImport).toSorted(), [
    "src/bases/load-base.ts",
    "src/families/import-gguf.ts",
    "src/gguf/import-cache.ts",
    "src/gguf/import.ts",
  ]);
});

/** A list that is spread into arguments lies on the stack, which ends at some 120,000 of them. */
const SPREAD =
  /(?:Math\.(?:max|min|hypot)|\.(?:push|unshift|append|prepend|replaceChildren)|from(?:CharCode|CodePoint))\((?:[^(){}]*, )?\.\.\./u;

/** Where a list is short whatever the user brings. */
const SHORT = new Set([
  // Symbols of one product of sizes.
  "src/graph/dim.ts",
  // Losses of three fixed steps.
  "src/onnx-engine/device-check.ts",
  // The two factors of one matrix.
  "src/merge/adapters/combined-adapter.ts",
  // The buttons of a panel's head.
  "media/shared/header.ts",
  // One row of each curve.
  "media/run-panel/downsample.ts",
]);

test("no list whose length the user decides is spread into arguments", () => {
  const files = ["src", "media"].flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => path.posix.join(folder, ...name.split(path.sep))),
  );
  assert.ok(files.length > 200);
  const found = files.flatMap((file) => {
    const lines = readFileSync(path.join(root, file), "utf8").split("\n");
    const spreads = lines.filter((line) => SPREAD.test(line) && !/^\s*(?:\*|\/)/u.test(line));
    return spreads.length > 0 && !SHORT.has(file) ? [`${file}: ${spreads.join(" ")}`] : [];
  });
  assert.deepEqual(found, []);
});
