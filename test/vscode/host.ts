// What VS Code calls as `extensionTestsPath`: runs the suites named in RETUNE_SUITES inside the
// extension host and writes their counts to RETUNE_RESULT. RETUNE_GREP leaves only tests whose name
// fits.
import { writeFileSync } from "node:fs";
import path from "node:path";
import Mocha from "mocha";

const TEST_LIMIT_MS = 60_000;

export async function run(): Promise<void> {
  const suites = (process.env["RETUNE_SUITES"] ?? "").split(",").filter((name) => name !== "");
  if (suites.length === 0) throw new Error("RETUNE_SUITES names no suite");
  const mocha = new Mocha({ ui: "tdd", timeout: TEST_LIMIT_MS, color: false, reporter: "spec" });
  if (process.env["RETUNE_GREP"]) mocha.grep(new RegExp(process.env["RETUNE_GREP"]));
  for (const suite of suites) mocha.addFile(path.join(__dirname, `${suite}.test.cjs`));
  const stats = await new Promise<Mocha.Stats | undefined>((resolve) => {
    const runner = mocha.run(() => resolve(runner.stats));
  });
  const { passes = 0, failures = 1, pending = 0 } = stats ?? {};
  const result = process.env["RETUNE_RESULT"];
  if (result) {
    const counts = { passed: passes, failed: failures, skipped: pending };
    writeFileSync(result, JSON.stringify(counts));
  }
  // A suite that skips everything proves nothing.
  if (failures > 0 || passes === 0) throw new Error(`${failures} failed, ${passes} passed`);
}
