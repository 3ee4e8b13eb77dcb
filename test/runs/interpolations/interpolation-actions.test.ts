/** A window's actions on an interpolation, with the real command as its process. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, test } from "node:test";
import { createInterpolation } from "../../../src/runs/interpolations/create-interpolation.ts";
import { InterpolationActions } from "../../../src/runs/interpolations/interpolation-actions.ts";
import { bundleSource, readState } from "../../support/retune.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { until } from "../../support/until.ts";

const window = setInterval(() => undefined, 1_000);
after(() => clearInterval(window));

test("it is started by the command, whose failure is in its state, and deleted", async (t) => {
  const dir = tempDir(t);
  const file = path.join(dir, "mails.jsonl");
  writeFileSync(file, '{"text": "a"}\n');
  const made = await createInterpolation(
    {
      name: "nothing to nothing",
      base: path.join(dir, "no-base"),
      tuned: path.join(dir, "no-model"),
      alphas: [0, 1],
      data: [{ name: "mails", file, role: "validation" }],
    },
    { interpolationsDir: path.join(dir, "made") },
  );
  const lines: string[] = [];
  const actions = new InterpolationActions({
    cliPath: await bundleSource("cli.ts"),
    log: { info: (line) => lines.push(line) },
  });
  await actions.start(made);
  await assert.rejects(actions.start(made), /nothing to nothing is running already/);
  await until(() => lines.length === 1, "the end of its process");
  assert.match(lines[0] ?? "", /^process of interpolation .* ended with code [12]$/);
  const { status, message } = readState(made);
  assert.equal(status, "failed");
  assert.match(message ?? "", /no-base/);
  assert.match(readFileSync(path.join(made, "log.txt"), "utf8"), /no-base/);
  await assert.rejects(actions.stop(made), /is not running \(it is failed\)/);
  await actions.delete(made);
  assert.equal(existsSync(made), false);
});
