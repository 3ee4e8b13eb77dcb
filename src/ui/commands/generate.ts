/** Asks for a prompt and streams the answer into a read-only document beside the editor. */
import path from "node:path";
import { writesText } from "../../protocol/objective.ts";
import { RUN_FILES } from "../../protocol/run-folder.ts";
import { runCli } from "../../runs/run-cli.ts";
import { errorMessage, InputError } from "../../util/errors.ts";
import type { App } from "../app.ts";
import { askInSteps, type Wizard } from "../ask/wizard.ts";
import { requireTrust } from "../trust.ts";
import { asRow } from "../views/rows.ts";
import { runDirOf, runFrom } from "./pick-run.ts";
import { type Generator, pickGenerator, resolveBase } from "./pick-generator.ts";
import { withCancel } from "./with-cancel.ts";

const LAST_PROMPT_KEY = "retune.lastPrompt";
const MAX_TOKENS = 200;

export async function generate(app: App, argument: unknown): Promise<void> {
  requireTrust();
  const memory = app.context.workspaceState;
  const answers = await askInSteps("Generate", async (wizard) => {
    const isNamed = asRow(argument) !== undefined || runDirOf(argument) !== undefined;
    wizard.expect(isNamed ? 1 : 2);
    const generator = await generatorFrom(app, wizard, argument);
    const prompt = await wizard.input({
      prompt: `What do you want to say to ${generator.name}?`,
      value: memory.get<string>(LAST_PROMPT_KEY, ""),
      validate: (value) => (value.trim() === "" ? "A prompt can't be empty." : undefined),
    });
    return { generator, prompt };
  });
  if (answers === undefined) return;
  const { generator, prompt } = answers;
  await memory.update(LAST_PROMPT_KEY, prompt);
  const transcript = await app.transcripts.open(generator.name);
  const quoted = prompt.replaceAll("\n", "\n> ");
  transcript.append(`> ${quoted}\n\n`);
  try {
    const done = await withCancel(`${generator.name} is answering`, (signal) =>
      runCli({
        cliPath: app.cliPath,
        args: generateArguments(generator, prompt),
        signal,
        onOutput: (text) => transcript.append(text),
        onProgress: (line) => app.log.debug(line),
      }),
    );
    // The command ends its text with a newline of its own.
    transcript.append(done ? "\n" : "… (cancelled)\n\n");
  } catch (error) {
    transcript.append(`_${errorMessage(error)}_\n\n`);
    throw error;
  }
}

function generateArguments({ base, adapter }: Generator, prompt: string): string[] {
  return [
    ["generate", base],
    adapter === undefined ? [] : ["--adapter", adapter],
    [`--prompt=${prompt}`, "--max-tokens", String(MAX_TOKENS)],
  ].flat();
}

async function generatorFrom(app: App, wizard: Wizard, argument: unknown): Promise<Generator> {
  const row = asRow(argument);
  if (row?.kind === "model") return { name: row.model.label, base: row.model.path };
  if (row?.kind === "adapter") {
    const base = await resolveBase(app, wizard, row.adapter);
    return { name: row.adapter.label, base, adapter: row.adapter.path };
  }
  if (runDirOf(argument) === undefined) return pickGenerator(app, wizard);
  const run = await runFrom(app, argument, { placeholder: "", accepts: () => true, none: "" });
  if (run?.recipe === undefined) throw new InputError(`${run?.name}: ${run?.problem}`);
  if (!writesText(run.recipe)) {
    throw new InputError(`${run.name} labels text: it has no head to write it with`);
  }
  if (run.hasModel) return { name: run.name, base: path.join(run.dir, RUN_FILES.model) };
  if (!run.hasAdapter)
    throw new InputError(`${run.name} has no adapter yet: it appears when the run ends`);
  return { name: run.name, base: run.recipe.base, adapter: path.join(run.dir, RUN_FILES.adapter) };
}
