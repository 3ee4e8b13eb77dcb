/** Where names of points go so that neither the curve, nor a point, nor another name lies under them. Pure. */

export interface Place {
  x: number;
  y: number;
}

export interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

export interface Label {
  /** The point that is named, in pixels. */
  at: Place;
  /** The width of its text, in pixels. */
  width: number;
  /** Shown where it disturbs least when there is no free place; others are left out. */
  isNeeded: boolean;
}

const HEIGHT = 12;
/** From the middle of a point to the nearest edge of its name. */
const GAPS_PX = [9, 14];
const DOT_RADIUS_PX = 6;
/** Room between a name and the curve. */
const CURVE_ROOM_PX = 2;

/**
 * The box of each label's text, undefined for one that is left out.
 * @param labels the most important first: a free place is the first one's that asks
 * @param points all points of the curve in their order, in pixels
 * @param area what the names must stay in
 */
export function placeLabels(
  labels: readonly Label[],
  points: readonly Place[],
  area: Box,
): (Box | undefined)[] {
  const taken: Box[] = [];
  return labels.map(({ at, width, isNeeded }) => {
    const boxes = GAPS_PX.flatMap((gap) => candidates(at, width, gap));
    const costs = boxes.map((box) => costOf(box, { at, points, taken, area }));
    const least = costs.reduce(
      (best, cost, index) => (cost < (costs[best] ?? 0) ? index : best),
      0,
    );
    const box = boxes[least];
    if (box === undefined || ((costs[least] ?? 1) > 0 && !isNeeded)) return undefined;
    taken.push(box);
    return box;
  });
}

/** Right and left of the point, above and below, and between; the better readable first. */
function candidates({ x, y }: Place, width: number, gap: number): Box[] {
  const slant = gap * 0.75;
  const lefts = { right: x + gap, left: x - gap - width, middle: x - width / 2 };
  const tops = { level: y - HEIGHT / 2, above: y - gap - HEIGHT, below: y + gap };
  const at = (left: number, top: number): Box => ({
    left,
    top,
    right: left + width,
    bottom: top + HEIGHT,
  });
  return [
    at(lefts.right, tops.level),
    at(lefts.left, tops.level),
    at(x + slant, y - slant - HEIGHT),
    at(x + slant, y + slant),
    at(x - slant - width, y - slant - HEIGHT),
    at(x - slant - width, y + slant),
    at(lefts.middle, tops.above),
    at(lefts.middle, tops.below),
  ];
}

/** How many things lie under the box, or are nearer to it than the point that it names. */
function costOf(
  box: Box,
  {
    at,
    points,
    taken,
    area,
  }: { at: Place; points: readonly Place[]; taken: readonly Box[]; area: Box },
): number {
  const wide = grown(box, CURVE_ROOM_PX);
  const isOutside =
    box.left < area.left ||
    box.right > area.right ||
    box.top < area.top ||
    box.bottom > area.bottom;
  const crossings = points.filter((point, index) => {
    const next = points[index + 1];
    return next !== undefined && crosses(point, next, wide);
  });
  const own = distance(box, at);
  const dots = points.filter(
    (point) => distance(box, point) < DOT_RADIUS_PX || distance(box, point) < own,
  );
  const names = taken.filter((other) => overlap(wide, other));
  // A name that is cut, or over another one, can't be read at all.
  return crossings.length + dots.length + 10 * names.length + (isOutside ? 20 : 0);
}

export function grown({ left, top, right, bottom }: Box, by: number): Box {
  return { left: left - by, top: top - by, right: right + by, bottom: bottom + by };
}

export function overlap(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

/** From the box's nearest edge; 0 inside. */
function distance({ left, top, right, bottom }: Box, { x, y }: Place): number {
  return Math.hypot(Math.max(left - x, 0, x - right), Math.max(top - y, 0, y - bottom));
}

/** Whether the line from a to b meets the box (Liang and Barsky's clipping). */
export function crosses(a: Place, b: Place, box: Box): boolean {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  let [enters, leaves] = [0, 1];
  for (const [direction, room] of [
    [-dx, a.x - box.left],
    [dx, box.right - a.x],
    [-dy, a.y - box.top],
    [dy, box.bottom - a.y],
  ] as const) {
    if (direction === 0) {
      if (room < 0) return false;
      continue;
    }
    const at = room / direction;
    if (direction < 0) enters = Math.max(enters, at);
    else leaves = Math.min(leaves, at);
  }
  return enters <= leaves;
}
