/**
 * The recipe whose layers are being chosen. The document is the only state: a tick is an edit of its
 * text, and what is ticked is read from it again after every change, an undo or a typed one too.
 */
import path from "node:path";
import type { LayerKind } from "../../protocol/method.ts";
import { methodFacts } from "../../protocol/methods.ts";
import * as vscode from "vscode";
import { errorMessage, InputError } from "../../util/errors.ts";
import { RECIPE_SUFFIX } from "../recipes/recipe-text.ts";
import { shortPaths } from "../short-paths.ts";
import { type BaseTensor, readBaseTensors } from "./base-tensors.ts";
import { choosableTensors } from "./choosable.ts";
import { layerNodes, type LayerNode } from "./layer-nodes.ts";
import { readRecipeLayers, trainedBy, withTrained } from "./recipe-layers.ts";

export interface Layers {
  readonly document: vscode.TextDocument;
  /** "quick" */
  readonly name: string;
  /** What the choice is about. */
  readonly tensors: readonly BaseTensor[];
  readonly nodes: readonly LayerNode[];
  readonly trained: ReadonlySet<string>;
  /** Parameters of the whole base. */
  readonly totalParameters: number;
  readonly kind: LayerKind;
  /** A new head labels rows, and is trained whatever is ticked. */
  readonly labelsRows: boolean;
  /** One line: why the recipe can't be read just now; the rest is as it was before. */
  readonly problem?: string;
}

const EDITS_LAYERS_CONTEXT = "retune.editsLayers";

export class LayerEditor implements vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.#changed.event;
  readonly #disposables: vscode.Disposable[];
  #layers: Layers | undefined;
  #base: { path: string; tensors: readonly BaseTensor[] } | undefined;
  #shownVersion: number | undefined;
  /** One change after the other: each begins with the text that the last one left. */
  #queue: Promise<unknown> = Promise.resolve();

  constructor() {
    const { window, workspace } = vscode;
    this.#disposables = [
      this.#changed,
      workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
        if (document !== this.#layers?.document) return;
        if (contentChanges.length > 0) void this.#refresh(document);
        else this.#changed.fire();
      }),
      workspace.onDidSaveTextDocument((document) => {
        if (document === this.#layers?.document) this.#changed.fire();
      }),
      workspace.onDidCloseTextDocument((document) => {
        if (document === this.#layers?.document) this.close();
      }),
      window.tabGroups.onDidChangeTabs(({ closed }) => {
        if (closed.length > 0 && this.#layers && !isShown(this.#layers.document)) this.close();
      }),
    ];
  }

  get layers(): Layers | undefined {
    return this.#layers;
  }

  /**
   * Shows the recipe and its layers.
   * @throws InputError for a recipe or a base model that can't be read, or a pattern that fits nothing
   */
  async open(recipe: vscode.Uri): Promise<void> {
    const document = await vscode.workspace.openTextDocument(recipe);
    this.#base = undefined;
    // Before anything is shown: a recipe that can't be read opens no view.
    const layers = await this.#read(document);
    await vscode.window.showTextDocument(document, { preview: false });
    this.#shownVersion = document.version;
    this.#set(layers);
  }

  close(): void {
    this.#base = undefined;
    this.#set(undefined);
  }

  /** Ticks a row or takes its tick away, with all below it. */
  async tick(node: LayerNode, isTrained: boolean): Promise<void> {
    return this.tickAll([[node, isTrained]]);
  }

  async tickAll(changes: readonly (readonly [LayerNode, boolean])[]): Promise<void> {
    return this.change(({ trained }) => {
      const next = new Set(trained);
      for (const [{ tensors }, isTrained] of changes) {
        for (const { name } of tensors) {
          if (isTrained) next.add(name);
          else next.delete(name);
        }
      }
      return next;
    });
  }

  /** Writes another choice into the document, as one step of its undo. */
  async change(next: (layers: Layers) => ReadonlySet<string>): Promise<void> {
    const work = this.#queue.then(async () => {
      const layers = this.#layers;
      if (layers === undefined) return;
      if (layers.problem !== undefined) throw new InputError(layers.problem);
      const { document, tensors } = layers;
      const text = document.getText();
      await replaceText(document, text, withTrained(text, tensors, next(layers)));
      await this.#refresh(document);
    });
    this.#queue = work.catch(() => undefined);
    try {
      await work;
    } catch (error) {
      // The box that was clicked shows a tick that was not made.
      this.#changed.fire();
      throw error;
    }
  }

  dispose(): void {
    for (const disposable of this.#disposables) disposable.dispose();
  }

  async #refresh(document: vscode.TextDocument): Promise<void> {
    const { version } = document;
    const layers = await this.#read(document).catch((error: unknown) => ({
      problem: shortPaths(errorMessage(error)),
    }));
    const old = this.#layers;
    if (old?.document !== document || document.version !== version) return;
    // An edit of ours is read twice, by its own end and by VS Code's event: one redraw is enough,
    // as a click that meets a redraw is lost.
    if (this.#shownVersion === version) return;
    this.#shownVersion = version;
    this.#set("problem" in layers ? { ...old, problem: layers.problem } : layers);
  }

  async #read(document: vscode.TextDocument): Promise<Layers> {
    const file = document.uri.fsPath;
    const { base, method, choice, labelsRows } = readRecipeLayers(document.getText(), file);
    const basePath = path.resolve(path.dirname(file), base);
    if (this.#base?.path !== basePath) {
      this.#base = { path: basePath, tensors: await readBaseTensors(basePath) };
    }
    // The new head takes the place of the base's own.
    const all = this.#base.tensors.filter(
      ({ facts }) => !labelsRows || facts.moduleRole !== "head",
    );
    const isTrained = trainedBy(choice, all, basePath);
    const isHeadAlone = methodFacts(method).ofBase === "head";
    const isChosen = (name: string): boolean => !isHeadAlone && isTrained(name);
    const { kind, tensors } = choosableTensors(method, all);
    return {
      document,
      name: path.basename(file, RECIPE_SUFFIX),
      tensors,
      nodes: layerNodes(tensors, kind === "blocks"),
      trained: new Set(tensors.map(({ name }) => name).filter(isChosen)),
      totalParameters: all.reduce((sum, { parameters }) => sum + parameters, 0),
      kind,
      labelsRows,
    };
  }

  #set(layers: Layers | undefined): void {
    const wasOpen = this.#layers !== undefined;
    this.#layers = layers;
    if (wasOpen !== (layers !== undefined)) {
      void vscode.commands.executeCommand("setContext", EDITS_LAYERS_CONTEXT, layers !== undefined);
    }
    this.#changed.fire();
  }
}

function isShown(document: vscode.TextDocument): boolean {
  const tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs);
  return tabs.some(
    ({ input }) =>
      input instanceof vscode.TabInputText && input.uri.toString() === document.uri.toString(),
  );
}

/** Touches only what differs, so that the cursor and folded ranges stay where they are. */
async function replaceText(
  document: vscode.TextDocument,
  before: string,
  after: string,
): Promise<void> {
  if (before === after) return;
  let start = 0;
  while (start < before.length && before[start] === after[start]) start++;
  let end = 0;
  const room = Math.min(before.length, after.length) - start;
  while (end < room && before.at(-1 - end) === after.at(-1 - end)) end++;
  const edit = new vscode.WorkspaceEdit();
  const range = new vscode.Range(
    document.positionAt(start),
    document.positionAt(before.length - end),
  );
  edit.replace(document.uri, range, after.slice(start, after.length - end));
  if (!(await vscode.workspace.applyEdit(edit))) {
    throw new InputError(`${shortPaths(document.uri.fsPath)} can't be changed: is it read-only?`);
  }
}
