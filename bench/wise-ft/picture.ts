/**
 * An interpolation's two curves as a PNG in docs/images: in-distribution against shifted, a point for each alpha, and
 * everything over alpha. Drawn by uPlot on a page in Chromium, without a window.
 */
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { build } from "esbuild";
import type { InterpolationPoint } from "../../src/protocol/interpolation.ts";
import { launchBrowser } from "../../test/vscode-server/browser.mjs";
import type { Drawing } from "./curve-page.ts";
import type { Interpolation } from "./interpolation-folder.ts";
import { chosenPoint } from "./table.ts";

const IMAGES = path.join(import.meta.dirname, "../../docs/images");
const SIZE = { width: 460, height: 380 };
const COLOURS = ["#8a8a8a", "#1a6fb5", "#c4531d", "#3a8a3a"];
const require = createRequire(import.meta.url);

/** @returns the file that was written */
export async function drawCurve(
  name: string,
  { data, name: title }: Interpolation,
  points: readonly InterpolationPoint[],
): Promise<string> {
  const percents = (set: string): number[] =>
    points.map(({ results }) => 100 * (results[set]?.accuracy ?? Number.NaN));
  const inside = data.find(({ role }) => role === "in-distribution");
  const shifted = data.find(({ role }) => role === "shifted");
  const chosen = chosenPoint(data, points);
  if (!inside || !shifted || !chosen) throw new Error(`${title}: no data of both kinds`);
  const [ys, xs] = [percents(inside.name), percents(shifted.name)];
  const drawing: Drawing = {
    size: SIZE,
    path: {
      x: `${shifted.name} (shifted), % right`,
      y: `${inside.name}, % right`,
      points: xs.map((x, i) => [x, ys[i] ?? Number.NaN] as const),
      labels: points.map(({ alpha }) => String(alpha)),
    },
    alphas: points.map(({ alpha }) => alpha),
    series: data.map((one, i) => ({
      name: one.name,
      colour: COLOURS[i % COLOURS.length] ?? "black",
      values: percents(one.name),
    })),
    chosen: points.indexOf(chosen),
  };
  const file = path.join(IMAGES, `${name}.png`);
  mkdirSync(IMAGES, { recursive: true });
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage({
      viewport: { width: 2 * SIZE.width + 40, height: 560 },
      deviceScaleFactor: 2,
    });
    await page.setContent(await pageOf(drawing, title));
    await page.waitForFunction("document.body.dataset.drawn === 'yes'");
    await page.locator("main").screenshot({ path: file });
  } finally {
    await browser.close();
  }
  return file;
}

async function pageOf(drawing: Drawing, title: string): Promise<string> {
  const styles = readFileSync(require.resolve("uplot/dist/uPlot.min.css"), "utf8");
  const { outputFiles } = await build({
    entryPoints: [path.join(import.meta.dirname, "curve-page.ts")],
    bundle: true,
    format: "iife",
    write: false,
  });
  return `<!doctype html><meta charset="utf-8"><style>${styles}
    body { margin: 0; font: 13px system-ui, sans-serif; color: #222; background: white; }
    main { padding: 12px; width: fit-content; background: white; }
    h1 { font-size: 15px; margin: 0 0 8px 4px; font-weight: 600; }
    .plots { display: flex; gap: 12px; }
  </style><main><h1>${title}</h1><div class="plots"><div id="path"></div><div id="alpha"></div></div></main>
  <script>globalThis.drawing = ${JSON.stringify(drawing)}</script>
  <script>${outputFiles[0]?.text ?? ""}</script>`;
}
