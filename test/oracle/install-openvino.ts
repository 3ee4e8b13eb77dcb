/**
 * `retune install openvino` with the real wheel, by each package client that is here: fetches some sixty megabytes for each.
 * node --import tsx test/oracle/install-openvino.ts [FOLDER]
 */
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { installOpenvino } from "../../src/openvino/install.ts";
import { thisMachine } from "../../src/openvino/machine.ts";
import { clientsOf } from "../../src/openvino/package-clients.ts";
import { bytesOf } from "../../src/openvino/take-libraries.ts";
import { wheelFor } from "../../src/openvino/wheels.ts";
import { errorMessage } from "../../src/util/errors.ts";

async function main(folder: string): Promise<number> {
  // Where a runtime of the system's would lie is empty.
  const env = { ...process.env, RETUNE_OPENVINO: "" };
  const machine = { ...thisMachine(), env, home: folder, root: folder };
  const wheel = wheelFor(machine);
  let worked = 0;
  for (const client of clientsOf(machine)) {
    const name = client.command.join(" ");
    const cacheDir = path.join(folder, String(worked));
    const started = performance.now();
    try {
      const { runtime, isNew } = await installOpenvino({
        machine,
        cacheDir,
        clients: [client],
        gpu: wheel.gpu.length > 0,
        log: (line) => console.error(`  ${line}`),
      });
      if (!isNew) throw new Error(`${runtime.dir} was there already`);
      const all = [...wheel.libraries, ...wheel.gpu];
      const sizes = await Promise.all(all.map((each) => stat(path.join(runtime.dir, each.name))));
      const bytes = sizes.reduce((sum, { size }) => sum + size, 0);
      if (bytes !== bytesOf(all)) throw new Error(`${bytes} bytes, expected ${bytesOf(all)}`);
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      console.log(`${name}: OpenVINO ${runtime.version}, ${all.length} libraries in ${seconds} s`);
      worked++;
    } catch (error) {
      console.log(`${name}: ${errorMessage(error)}`);
    }
  }
  return worked > 0 ? 0 : 1;
}

const [given] = process.argv.slice(2);
const folder = given ?? (await mkdtemp(path.join(tmpdir(), "retune-install-")));
process.exitCode = await main(folder);
if (given === undefined) await rm(folder, { recursive: true });
