import { randomBytes } from "node:crypto";
import * as vscode from "vscode";
import { panelHtml } from "./panel-html.ts";

const MAX_TITLE_LENGTH = 40;

/** Loads one of our pages, which may run its own script and load from `mediaUri` alone. */
export function loadPage(
  { webview, title }: vscode.WebviewPanel,
  {
    name,
    mediaUri,
    shows,
  }: {
    /** The name of the script and the style sheet, without their endings. */
    name: string;
    mediaUri: vscode.Uri;
    shows: Parameters<typeof panelHtml>[0]["shows"];
  },
): void {
  webview.options = { enableScripts: true, localResourceRoots: [mediaUri] };
  const uri = (file: string) =>
    webview.asWebviewUri(vscode.Uri.joinPath(mediaUri, file)).toString();
  webview.html = panelHtml({
    shows,
    title,
    cspSource: webview.cspSource,
    scriptUri: uri(`${name}.js`),
    styleUri: uri(`${name}.css`),
    nonce: randomBytes(16).toString("base64url"),
  });
}

/** Names may be 200 characters long; a tab as wide as the window hides the other tabs. */
export function panelTitle(name: string): string {
  return name.length <= MAX_TITLE_LENGTH ? name : `${name.slice(0, MAX_TITLE_LENGTH - 1)}…`;
}
