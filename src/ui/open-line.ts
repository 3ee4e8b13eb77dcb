/** The way from a message that names a place in a file to that place. */
import { stat } from "node:fs/promises";
import path from "node:path";
import * as vscode from "vscode";
import { type MessagePlace, placeIn } from "../util/message-place.ts";
import { localFolders } from "./local-folders.ts";

/** Rows of these are counted, but they are no text to open. */
const UNREADABLE = /\.(?:parquet|gz)$/iu;

export interface OpenLine {
  /** What the button says. */
  title: string;
  line: number;
  open: () => Promise<void>;
}

/** Undefined where the message names no place, or a file that is not there. */
export async function openLineOf(message: string | undefined): Promise<OpenLine | undefined> {
  const place = placeIn(message ?? "");
  if (!place || UNREADABLE.test(place.file)) return undefined;
  const candidates = path.isAbsolute(place.file)
    ? [place.file]
    : localFolders().map((root) => path.join(root, place.file));
  for (const file of candidates) {
    const found = await stat(file).catch(() => undefined);
    if (!found?.isFile()) continue;
    const { line } = place;
    return { title: `Open Line ${line}`, line, open: () => showPlace(file, place) };
  }
  return undefined;
}

/** Does what the chosen button of a message says: goes to the line, or runs the button's command on `args`. */
export async function press(
  chosen: OpenLine | { command: string } | undefined,
  ...args: unknown[]
): Promise<void> {
  if (!chosen) return;
  if ("open" in chosen) await chosen.open();
  else await vscode.commands.executeCommand(chosen.command, ...args);
}

/** By command: VS Code does not hand files above 50 MB to extensions, but opens them. */
async function showPlace(file: string, { line, column = 1 }: MessagePlace): Promise<void> {
  const position = new vscode.Position(line - 1, column - 1);
  await vscode.commands.executeCommand("vscode.open", vscode.Uri.file(file), {
    selection: new vscode.Range(position, position),
    preview: false,
  });
}
