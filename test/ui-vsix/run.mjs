// Packages the extension, installs the .vsix in VS Code's server and drives its window in Chromium.
// `node test/ui-vsix/run.mjs [--images]`: with the flag nothing is tested, but the README's pictures
// are taken anew, of a run of samples/ (docs/images/). RETUNE_VSIX names a .vsix that is there already.
import path from "node:path";
import { packageExtension } from "../../.ci/package.mjs";
import { root } from "../../.ci/install.mjs";
import { runNodeTests } from "../../.ci/node-tests.mjs";

const takesImages = process.argv.includes("--images");
const suites = takesImages ? ["images"] : ["window", "layers", "classification", "lab", "trust"];

process.exit(
  runNodeTests(takesImages ? "images" : "vsix", {
    files: suites.map((name) => `test/ui-vsix/${name}.test.ts`),
    concurrency: 1,
    flags: ["--import", "tsx"],
    env: {
      RETUNE_VSIX: process.env.RETUNE_VSIX ?? packageExtension(),
      RETUNE_IMAGES: path.join(root, "docs/images"),
    },
  }),
);
