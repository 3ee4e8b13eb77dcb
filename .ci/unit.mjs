// Runs every test that needs no editor: test/**/*.test.ts outside the folders of the real VS Code.
// `node .ci/unit.mjs [WORD …]` runs only the files whose path holds one of the words.
import { readdirSync } from "node:fs";
import path from "node:path";
import { compileTests } from "./compile-tests.mjs";
import { root } from "./install.mjs";
import { runNodeTests } from "./node-tests.mjs";
import { openvinoEnv } from "./openvino.mjs";

const IN_AN_EDITOR = ["test/vscode", "test/vscode-server", "test/ui-vsix"];

function testFilesIn(folder) {
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const place = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return IN_AN_EDITOR.includes(place) ? [] : testFilesIn(place);
    return place.endsWith(".test.ts") ? [place] : [];
  });
}

const words = process.argv.slice(2);
const files = testFilesIn("test")
  .filter((name) => words.length === 0 || words.some((word) => name.includes(word)))
  .toSorted();

process.exit(
  runNodeTests("unit", {
    files: await compileTests(files),
    concurrency: 2,
    flags: ["--enable-source-maps"],
    env: files.some((name) => name.includes("openvino")) ? await openvinoEnv() : {},
  }),
);
