/** The linter, with our configuration, on files that break its rules on purpose. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

const ROOT = path.resolve(import.meta.dirname, "../..");

interface LintReport {
  number_of_files: number;
  diagnostics: {
    code: string;
    help: string;
    filename: string;
    labels: { span: { line: number } }[];
  }[];
}

/** @param files texts by their paths in a copy of the layout */
export function lintPlanted(files: Readonly<Record<string, string>>): LintReport {
  const folder = mkdtempSync(path.join(tmpdir(), "retune-lint-"));
  try {
    for (const config of [".oxlintrc.json", ".oxlintrc.imports.json", ".oxlintrc.places.json"]) {
      cpSync(path.join(ROOT, config), path.join(folder, config));
    }
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
      writeFileSync(path.join(folder, file), text);
    }
    const oxlint = path.join(ROOT, "node_modules/oxlint/bin/oxlint");
    const { stdout } = spawnSync(process.execPath, [oxlint, "--format=json", "."], {
      cwd: folder,
      encoding: "utf8",
      maxBuffer: 2 ** 27,
    });
    return JSON.parse(stdout) as LintReport;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
