/** What picture.ts shows in Chromium: the two curves of `globalThis.drawing`. */
import UPlot from "uplot";

export interface Drawing {
  size: { width: number; height: number };
  /** [shifted, in-distribution] of each alpha, and what each is called. */
  path: { x: string; y: string; points: readonly (readonly [number, number])[]; labels: string[] };
  alphas: readonly number[];
  series: { name: string; colour: string; values: readonly number[] }[];
  /** Index of the alpha that validation chooses. */
  chosen: number;
}

const PATH = "#1a6fb5";
const CHOSEN = "#c4531d";
const { size, path, alphas, series, chosen } = (globalThis as unknown as { drawing: Drawing })
  .drawing;

function axis(label: string): UPlot.Axis {
  const grid = { stroke: "#e4e4e4", width: 1 };
  return { label, grid, ticks: grid, labelSize: 22, size: 40 };
}

function range(_plot: UPlot, low: number, high: number): UPlot.Range.MinMax {
  const room = Math.max((high - low) * 0.08, 1);
  return [low - room, high + room];
}

function place(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`internal: no ${id}`);
  return found;
}

/** uPlot wants x ascending; the path goes in the order of alpha. */
function drawPath(plot: UPlot): void {
  const { ctx } = plot;
  const places = path.points.map(
    ([x, y]) => [plot.valToPos(x, "x", true), plot.valToPos(y, "y", true)] as const,
  );
  ctx.save();
  ctx.strokeStyle = PATH;
  ctx.lineWidth = 3;
  ctx.beginPath();
  for (const [x, y] of places) ctx.lineTo(x, y);
  ctx.stroke();
  ctx.font = "22px system-ui, sans-serif";
  for (const [i, [x, y]] of places.entries()) {
    ctx.fillStyle = i === chosen ? CHOSEN : PATH;
    ctx.beginPath();
    ctx.arc(x, y, i === chosen ? 11 : 7, 0, 2 * Math.PI);
    ctx.fill();
    ctx.fillStyle = "#333";
    ctx.fillText(path.labels[i] ?? "", x + 12, y - 10);
  }
  ctx.restore();
}

function drawChosen(plot: UPlot): void {
  const { ctx, bbox } = plot;
  const x = plot.valToPos(alphas[chosen] ?? 0, "x", true);
  ctx.save();
  ctx.strokeStyle = CHOSEN;
  ctx.lineWidth = 2;
  ctx.setLineDash([8, 6]);
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  ctx.restore();
}

const sorted = path.points.toSorted(([a], [b]) => a - b);
void new UPlot(
  {
    ...size,
    scales: { x: { time: false, range }, y: { range } },
    axes: [axis(path.x), axis(path.y)],
    series: [{}, { stroke: "transparent", points: { show: false } }],
    legend: { show: false },
    hooks: { draw: [drawPath] },
  },
  [sorted.map(([x]) => x), sorted.map(([, y]) => y)],
  place("path"),
);
void new UPlot(
  {
    ...size,
    scales: { x: { time: false, range: [-0.03, 1.03] }, y: { range } },
    axes: [axis("alpha (dashed: chosen on validation)"), axis("% right")],
    series: [
      {},
      ...series.map(({ name, colour }) => ({
        label: name,
        stroke: colour,
        width: 2,
        points: { size: 6 },
      })),
    ],
    legend: { live: false },
    hooks: { draw: [drawChosen] },
  },
  [[...alphas], ...series.map(({ values }) => [...values])],
  place("alpha"),
);
// uPlot draws in a microtask.
setTimeout(() => (document.body.dataset["drawn"] = "yes"), 50);
