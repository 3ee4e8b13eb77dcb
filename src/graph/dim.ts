/**
 * A dimension is a number, or a product of named symbols whose value is known only when data
 * arrive: "T", "B*T", "8*B*T" (factor first, symbols sorted). One compiled graph so serves every
 * batch size and sequence length.
 */
export type Dim = number | string;
export type Shape = readonly Dim[];

interface Monomial {
  factor: number;
  symbols: readonly string[];
}

export function parseDim(dim: Dim): Monomial {
  if (typeof dim === "number") return { factor: dim, symbols: [] };
  const parts = dim.split("*");
  const head = Number(parts[0]);
  return Number.isNaN(head)
    ? { factor: 1, symbols: parts }
    : { factor: head, symbols: parts.slice(1) };
}

function formatDim({ factor, symbols }: Monomial): Dim {
  if (symbols.length === 0 || factor === 0) return factor;
  const product = [...symbols].toSorted().join("*");
  return factor === 1 ? product : `${factor}*${product}`;
}

/** Product of dimensions, in canonical form; the empty product is 1. */
export function product(dims: Shape): Dim {
  let factor = 1;
  const symbols: string[] = [];
  for (const dim of dims) {
    const monomial = parseDim(dim);
    factor *= monomial.factor;
    symbols.push(...monomial.symbols);
  }
  return formatDim({ factor, symbols });
}

/** Sum of dimensions over the same symbols. Throws where the symbols differ: "B" + "T" has no name. */
export function sum(dims: Shape): Dim {
  const [first = { factor: 0, symbols: [] }, ...rest] = dims
    .map(parseDim)
    .filter(({ factor }) => factor !== 0);
  return formatDim(
    rest.reduce((total, { factor, symbols }) => {
      if (symbols.join() !== total.symbols.join()) {
        throw new Error(`[${dims.join(",")}] are of different symbols: no sum`);
      }
      return { factor: total.factor + factor, symbols };
    }, first),
  );
}

/** a − b, over the same symbols. */
export function difference(a: Dim, b: Dim): Dim {
  const { factor, symbols } = parseDim(b);
  return sum([a, formatDim({ factor: -factor, symbols })]);
}

/** The value of a dimension once every symbol has one. */
export function evaluateDim(dim: Dim, symbols: ReadonlyMap<string, number>): number {
  const monomial = parseDim(dim);
  return monomial.symbols.reduce((value, symbol) => {
    const known = symbols.get(symbol);
    if (known === undefined) throw new Error(`no value for dimension ${symbol}`);
    return value * known;
  }, monomial.factor);
}

/** The dimension at `axis`, which may count from the end. Throws when there is no such axis. */
export function dimAt(shape: Shape, axis: number): Dim {
  const found = shape.at(axis);
  if (found === undefined) throw new Error(`[${shape.join(",")}] has no axis ${axis}`);
  return found;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, axis) => dim === b[axis]);
}
