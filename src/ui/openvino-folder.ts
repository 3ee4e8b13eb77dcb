/**
 * The setting retune.openvinoFolder, for the processes that compute: they find a runtime by an environment variable, which
 * they inherit from the extension host, and the `retune` command in a terminal of this window from its collection.
 */
import type * as vscode from "vscode";
import { OPENVINO_FOLDER_VARIABLE } from "../protocol/openvino.ts";
import { onDidChangeOpenvinoFolder, openvinoFolder } from "./settings.ts";

export function passOpenvinoFolder({
  environmentVariableCollection: terminals,
}: vscode.ExtensionContext): vscode.Disposable {
  // What the user's own environment says counts while the setting is empty.
  const inherited = process.env[OPENVINO_FOLDER_VARIABLE];
  const pass = (): void => {
    const folder = openvinoFolder();
    const value = folder === "" ? inherited : folder;
    if (value === undefined) delete process.env[OPENVINO_FOLDER_VARIABLE];
    else process.env[OPENVINO_FOLDER_VARIABLE] = value;
    if (folder === "") terminals.delete(OPENVINO_FOLDER_VARIABLE);
    else terminals.replace(OPENVINO_FOLDER_VARIABLE, folder);
  };
  terminals.description = "Where OpenVINO is (`retune.openvinoFolder`)";
  pass();
  return onDidChangeOpenvinoFolder(pass);
}
