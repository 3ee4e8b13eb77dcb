// Who may import whom: the table in docs/architecture.md is the source, .oxlintrc.imports.json is made of it.
// `node .ci/import-table.mjs` writes that file; test/lint.test.ts says when it is old, and plants violations.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.resolve(import.meta.dirname, "..");
export const CONFIG = ".oxlintrc.imports.json";
const PAGE = "docs/architecture.md";

/** Packages that the table gives to a row by these names. */
const PACKAGES = {
  vscode: ["vscode"],
  onnxruntime: ["onnxruntime-*", "@tensorflow/*"],
  tokenizers: ["tokenizers", "pyodide"],
  koffi: ["koffi"],
};

/** Folders lie at most so deep in a row's folder. */
const DEPTHS = [1, 2, 3, 4];

const isFolder = (name) => !name.endsWith(".ts") && name !== "media/*" && !(name in PACKAGES);

/**
 * One row per name: `weights`, `data`, `hub` share a line of the table and become three.
 * @returns {{ rows: { name: string, allowed: string[] }[], folders: string[] }}
 */
export function readTable(page = readFileSync(path.join(root, PAGE), "utf8")) {
  const section = page.split("## Who may import whom")[1]?.split("\n## ")[0] ?? "";
  const lines = section.split("\n").filter((line) => line.startsWith("| `"));
  const names = (cell = "") => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name);
  const cells = lines.map((line) => line.split("|").slice(1, 3));
  const folders = cells.flatMap(([left]) => names(left)).filter(isFolder);
  const rows = cells.flatMap(([left, right]) => {
    // What follows a semicolon is a remark: "the trainer is spawned by path, never imported".
    const listed = names(right?.split(";")[0]);
    const allowed = right?.includes("everything but")
      ? [...folders, ...Object.keys(PACKAGES)].filter((name) => !listed.includes(name))
      : listed;
    return names(left).map((name) => ({ name, allowed }));
  });
  return { rows, folders };
}

/** Every package whose name a row does not list. */
const packagesBeyond = (allowed) =>
  Object.entries(PACKAGES).flatMap(([name, globs]) => (allowed.includes(name) ? [] : globs));

function restriction(files, patterns) {
  return { files, rules: { "no-restricted-imports": ["error", { patterns }] } };
}

/** By depth, so that merge/models is no violation of the row of models. */
function rowOverrides({ name, allowed }, { rows, folders }) {
  const others = folders.filter((folder) => folder !== name && !allowed.includes(folder));
  const programs = rows
    .map((row) => row.name)
    .filter((other) => other.endsWith(".ts") && other !== name);
  const wanted =
    allowed.length > 8 ? `not ${others.join(", ")}` : allowed.join(", ") || "nothing of ours";
  const message = `${name} imports ${wanted} (${PAGE}).`;
  const group = (up) => [
    ...others.map((folder) => `${up}${folder}/**`),
    ...programs.map((file) => `${up}${file}`),
    ...packagesBeyond(allowed),
  ];
  if (name.endsWith(".ts"))
    return [restriction([`src/${name}`], [{ group: group("**/"), message }])];
  return DEPTHS.map((depth) =>
    restriction(
      [`src/${name}/${"*/".repeat(depth - 1)}*.ts`],
      [{ group: group("../".repeat(depth)), message }],
    ),
  );
}

/** A webview's allowed folders are there for their types. */
function webviewOverride({ allowed }, { rows, folders }) {
  const message = `a webview imports types from ${allowed.join(", ")} only (${PAGE}).`;
  const others = folders.filter((folder) => !allowed.includes(folder));
  const programs = rows.map(({ name }) => name).filter((name) => name.endsWith(".ts"));
  return restriction(
    ["media/**/*.ts"],
    [
      {
        group: [
          ...others.map((folder) => `**/src/${folder}/**`),
          ...programs.map((file) => `**/src/${file}`),
          ...packagesBeyond(allowed),
          "node:*",
        ],
        message,
      },
      { group: allowed.map((folder) => `**/src/${folder}/**`), allowTypeImports: true, message },
    ],
  );
}

export function importConfig(table = readTable()) {
  const vscode = `vscode is imported only under src/ui and in src/extension.ts (${PAGE}).`;
  return {
    overrides: [
      restriction(["src/**"], [{ group: ["vscode"], message: vscode }]),
      ...table.rows.flatMap((row) =>
        row.name === "media/*" ? [webviewOverride(row, table)] : rowOverrides(row, table),
      ),
    ],
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(path.join(root, CONFIG), `${JSON.stringify(importConfig(), null, 2)}\n`);
}
