/** Real files, changed by chance; more of them in test/oracle/fuzz.ts. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { printedBy, readUnchanged, runCase } from "./support/fuzz/run-case.ts";
import { KINDS, writeFuzzWorkspace } from "./support/fuzz/workspace.ts";

const CASES_OF_A_KIND = 10;

const dir = mkdtempSync(path.join(tmpdir(), "retune-fuzz-"));
before(() => printedBy(() => writeFuzzWorkspace(dir)));
after(() => rmSync(dir, { recursive: true, force: true }));

for (const kind of KINDS) {
  if (Object.keys(kind.quick).length === 0) continue;

  test(`${kind.name}: every reader takes it as it is`, () => readUnchanged(dir, kind, true));

  test(`${kind.name}: a changed file is read, or refused in one line`, async () => {
    for (let seed = 0; seed < CASES_OF_A_KIND; seed++) {
      const { file, reader, findings } = await runCase(dir, kind, { seed, isQuick: true });
      assert.deepEqual(findings, [], `seed ${seed}: ${reader} of ${file}`);
    }
  });
}
