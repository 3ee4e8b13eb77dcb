interface PageOptions {
  runDir: string;
  title: string;
  /** What the webview may load styles from: `webview.cspSource`. */
  cspSource: string;
  scriptUri: string;
  styleUri: string;
  /** Fresh for every page: only our own script carries it. */
  nonce: string;
}

/** The run panel's document: an empty body, one style sheet, one script, and nothing else allowed. */
export function runPanelHtml(options: PageOptions): string {
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
<body data-run-dir="${escapeHtml(options.runDir)}">
<script nonce="${options.nonce}" src="${escapeHtml(options.scriptUri)}"></script>
</body>
</html>
`;
}

/** Run names and paths are other people's text: none of it may become markup. */
function escapeHtml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
