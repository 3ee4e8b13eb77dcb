// The packaged extension in a window: VS Code's server with the .vsix installed, and a browser.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import * as z from "zod";
import { root } from "../../.ci/install.mjs";
import { RUNS_FOLDER, type RunState, runStateSchema } from "../../src/protocol/run-folder.ts";
import { toFileName } from "../../src/util/format.ts";
import { processFate } from "../../src/util/process-identity.ts";
import { until } from "../vscode/support/until.ts";
import { launchBrowser } from "../vscode-server/browser.mjs";
import {
  installExtension,
  removeFolder,
  startServer,
  TEST_SETTINGS,
  windowUrl,
} from "../vscode-server/server.mjs";
import { Workbench } from "./workbench.ts";

export interface SessionOptions {
  /** Fills the folder that the window opens. */
  prepare: (workspace: string) => void;
  /** On top of the quiet settings of all tests. */
  settings?: Record<string, unknown>;
  asksForTrust?: boolean;
  /** The title of the window. */
  folderName?: string;
  viewport?: { width: number; height: number };
}

export interface Session {
  port: number;
  workbench: Workbench;
  /** The folder that is open. */
  workspace: string;
  url: string;
  /** The runs of the folder, newest first. */
  states(): { run: string; state: RunState }[];
  /** A picture of the window for a test that has failed, in out/screenshots/. */
  shootFailure(context: unknown): Promise<void>;
  /** Ends everything, training processes too. */
  close(): Promise<void>;
}

const VIEWPORT = { width: 1280, height: 800 };
/** For a machine that does other things meanwhile. */
const STEP_LIMIT_MS = 60_000;
const LOAD_LIMIT_MS = 120_000;

export async function openSession(options: SessionOptions): Promise<Session> {
  const vsix = process.env["RETUNE_VSIX"];
  if (vsix === undefined) throw new Error("RETUNE_VSIX names no .vsix: run test/ui-vsix/run.mjs");
  const home = mkdtempSync(path.join(tmpdir(), "retune-window-"));
  const workspace = path.join(home, options.folderName ?? "my-models");
  const extensionsDir = path.join(home, "extensions");
  mkdirSync(workspace);
  options.prepare(workspace);
  installExtension(vsix, { extensionsDir, dataDir: home });
  const server = await startServer({
    dataDir: home,
    extensionsDir,
    settings: { ...TEST_SETTINGS, ...options.settings },
    asksForTrust: options.asksForTrust ?? false,
  });
  const browser = await launchBrowser();
  const close = async () => {
    await browser.close();
    await server.stop();
    for (const { state } of readStates(workspace)) await endProcess(state);
    await removeFolder(home);
  };
  try {
    const page = await browser.newPage({ viewport: options.viewport ?? VIEWPORT });
    page.setDefaultTimeout(STEP_LIMIT_MS);
    page.setDefaultNavigationTimeout(LOAD_LIMIT_MS);
    const workbench = new Workbench(page);
    const url = windowUrl(server.port, workspace);
    await workbench.open(url);
    return {
      port: server.port,
      workbench,
      workspace,
      url,
      states: () => readStates(workspace),
      shootFailure: (context) => shootFailure(workbench, context),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** node:test's own types leave out what its hooks are told of a test. */
const failed = z.object({ name: z.string(), passed: z.literal(false) });

async function shootFailure(workbench: Workbench, context: unknown): Promise<void> {
  const test = failed.safeParse(context);
  if (!test.success) return;
  const name = `failed-${toFileName(test.data.name).slice(0, 40)}`;
  await workbench.screenshot(path.join(root, "out/screenshots"), name);
}

function readStates(workspace: string): { run: string; state: RunState }[] {
  const runs = path.join(workspace, RUNS_FOLDER);
  const names = existsSync(runs) ? readdirSync(runs) : [];
  return names
    .map((run) => ({ run, file: path.join(runs, run, "state.json") }))
    .filter(({ file }) => existsSync(file))
    .map(({ run, file }) => ({
      run,
      state: runStateSchema.parse(JSON.parse(readFileSync(file, "utf8"))),
    }))
    .toSorted((a, b) => b.state.createdAt.localeCompare(a.state.createdAt));
}

/** A training process outlives the window, and would outlive the test that failed. */
async function endProcess({ process: identity }: RunState): Promise<void> {
  if (identity === undefined || (await processFate(identity)) !== "alive") return;
  process.kill(identity.pid, "SIGKILL");
  const look = async () => ((await processFate(identity)) === "alive" ? undefined : true);
  await until(look, { what: () => `process ${identity.pid} to end` });
}
