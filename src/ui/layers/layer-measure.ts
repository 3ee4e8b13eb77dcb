/** Memory and step time of the choice as it stands, as the recipe's engine measures them. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import * as vscode from "vscode";
import { getNodeValue } from "jsonc-parser";
import type { Forecast, Programs } from "../../engines/engine.ts";
import { ENGINES } from "../../engines/registry.ts";
import { engineFactsOf } from "../../protocol/engine-keys.ts";
import { errorMessage, InputError } from "../../util/errors.ts";
import { parseJsonc } from "../../util/jsonc.ts";
import { RECIPE_SUFFIX } from "../recipes/recipe-text.ts";
import type { LayerEditor, Layers } from "./layer-editor.ts";
import { withAbsolutePaths } from "./recipe-layers.ts";

export type MeasureState =
  | { kind: "never" }
  | { kind: "running" }
  | { kind: "measured"; figures: Forecast }
  | { kind: "failed"; problem: string };

/** After the last tick: a measurement keeps the processor busy, and the next tick makes it useless. */
const PAUSE_MS = 3_000;

export class LayerMeasure implements vscode.Disposable {
  readonly #editor: LayerEditor;
  readonly #programs: Programs;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.#changed.event;
  readonly #subscription: vscode.Disposable;
  #state: MeasureState = { kind: "never" };
  /** Whose figures these are, or would be. */
  #text: string | undefined;
  #isWanted = false;
  #timer: NodeJS.Timeout | undefined;
  #abort: AbortController | undefined;

  constructor(editor: LayerEditor, programs: Programs) {
    this.#editor = editor;
    this.#programs = programs;
    this.#subscription = editor.onDidChange(() => this.#onEdit());
  }

  get state(): MeasureState {
    return this.#state;
  }

  /** Resolves when it is known, or when another change has made it useless. */
  async measure(): Promise<void> {
    const { layers } = this.#editor;
    if (layers === undefined) return;
    this.#isWanted = true;
    this.#stop();
    const abort = new AbortController();
    this.#abort = abort;
    this.#text = layers.document.getText();
    this.#set({ kind: "running" });
    try {
      const figures = await forecastOf(this.#programs, layers, abort.signal);
      if (figures && !abort.signal.aborted) this.#set({ kind: "measured", figures });
    } catch (error) {
      if (!abort.signal.aborted) this.#set({ kind: "failed", problem: errorMessage(error) });
    }
  }

  dispose(): void {
    this.#stop();
    this.#subscription.dispose();
    this.#changed.dispose();
  }

  #onEdit(): void {
    const { layers } = this.#editor;
    const text = layers?.document.getText();
    if (text === this.#text && layers !== undefined) return;
    this.#stop();
    this.#text = text;
    if (layers === undefined) this.#isWanted = false;
    if (this.#state.kind !== "never") this.#set({ kind: "never" });
    if (!this.#isWanted) return;
    this.#timer = setTimeout(() => void this.measure(), PAUSE_MS);
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#abort?.abort();
  }

  #set(state: MeasureState): void {
    this.#state = state;
    this.#changed.fire();
  }
}

/** The text as it stands in the editor, saved or not. Undefined when it was cancelled. */
async function forecastOf(
  programs: Programs,
  { document, name }: Layers,
  signal: AbortSignal,
): Promise<Forecast | undefined> {
  const folder = path.dirname(document.uri.fsPath);
  const text = withAbsolutePaths(document.getText(), (file) => path.resolve(folder, file));
  const { name: engineName } = engineFactsOf(
    getNodeValue(parseJsonc(text, `${name}${RECIPE_SUFFIX}`)),
  );
  const engine = ENGINES.get(engineName);
  if (!engine.forecast) throw new InputError(`engine ${engineName} does not say what a run takes`);
  const temp = await mkdtemp(path.join(tmpdir(), "retune-measure-"));
  try {
    const file = path.join(temp, `${name}${RECIPE_SUFFIX}`);
    await writeFile(file, text);
    return await engine.forecast(file, { programs, signal });
  } catch (error) {
    // The user knows the recipe by its own place.
    throw new InputError(errorMessage(error).replaceAll(temp + path.sep, ""), { cause: error });
  } finally {
    await rm(temp, { recursive: true, force: true });
  }
}
