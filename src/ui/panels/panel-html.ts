import { escapeHtml } from "./escape-html.ts";

interface PageOptions {
  /** What the page shows, as the data attribute of its body: `run-dir` or `interpolation-dir`. */
  shows: { attribute: "run-dir" | "interpolation-dir"; value: string };
  title: string;
  /** What the webview may load styles from: `webview.cspSource`. */
  cspSource: string;
  scriptUri: string;
  styleUri: string;
  /** Fresh for every page: only our own script carries it. */
  nonce: string;
}

/** A panel's document: an empty body, one style sheet, one script, and nothing else allowed. */
export function panelHtml(options: PageOptions): string {
  const policy = [
    "default-src 'none'",
    `style-src ${options.cspSource}`,
    `script-src 'nonce-${options.nonce}'`,
  ].join("; ");
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="UTF-8">
<meta http-equiv="Content-Security-Policy" content="${escapeHtml(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="${escapeHtml(options.styleUri)}">
<title>${escapeHtml(options.title)}</title>
</head>
<body data-${options.shows.attribute}="${escapeHtml(options.shows.value)}">
<script nonce="${options.nonce}" src="${escapeHtml(options.scriptUri)}"></script>
</body>
</html>
`;
}
