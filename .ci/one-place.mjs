// What has one place in the source: each call below is refused by the linter everywhere else.
// `node .ci/one-place.mjs` writes .oxlintrc.places.json, test/lint.test.ts says when it is old.
import { writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const CONFIG = ".oxlintrc.places.json";

const EVERYWHERE = ["src/**", "media/**"];
const IN_THE_EDITOR = ["src/ui/**", "src/extension.ts"];

/** `calls` belong to `place` alone, within `files`. */
export const PLACES = [
  {
    calls: [{ object: "JSON", property: "parse" }],
    files: EVERYWHERE,
    place: ["src/util/json.ts", "src/util/json-parser.ts"],
    message:
      "JSON is read by src/util/json.ts alone: byte order marks, invalid UTF-8, depth, NaN, and errors with their place.",
  },
  {
    calls: [
      { property: "showErrorMessage" },
      { property: "showWarningMessage" },
      { property: "showInformationMessage" },
      { property: "setStatusBarMessage" },
    ],
    files: IN_THE_EDITOR,
    place: ["src/ui/say.ts"],
    message: "Messages go through src/ui/say.ts: texts from files may hold links.",
  },
  {
    calls: [
      { property: "showQuickPick" },
      { property: "showInputBox" },
      { property: "createQuickPick" },
      { property: "createInputBox" },
    ],
    files: IN_THE_EDITOR,
    place: ["src/ui/ask/**"],
    message: "Questions go through src/ui/ask/: Back, steps, and texts from files made plain.",
  },
  {
    calls: [{ property: "withProgress" }],
    files: IN_THE_EDITOR,
    place: ["src/ui/commands/with-cancel.ts"],
    message: "Progress goes through src/ui/commands/with-cancel.ts, which makes its texts plain.",
  },
  {
    calls: [{ property: "MarkdownString" }],
    files: IN_THE_EDITOR,
    place: ["src/ui/views/markdown.ts"],
    message: "Tooltips go through src/ui/views/markdown.ts, which escapes.",
  },
];

function override(files, places) {
  const properties = places.flatMap(({ calls, message }) =>
    calls.map((call) => ({ ...call, message })),
  );
  const setting = properties.length === 0 ? "off" : ["error", ...properties];
  return { files, rules: { "no-restricted-properties": setting } };
}

/** The linter takes the last setting of a rule whose files fit, whole: so each says all that holds for its files. */
export function placesConfig() {
  const wide = PLACES.filter(({ files }) => files === EVERYWHERE);
  return {
    overrides: [
      override(EVERYWHERE, wide),
      override(IN_THE_EDITOR, PLACES),
      ...PLACES.map((own) =>
        override(
          own.place,
          (own.files === EVERYWHERE ? wide : PLACES).filter((one) => one !== own),
        ),
      ),
    ],
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const file = path.resolve(import.meta.dirname, "..", CONFIG);
  writeFileSync(file, `${JSON.stringify(placesConfig(), null, 2)}\n`);
}
