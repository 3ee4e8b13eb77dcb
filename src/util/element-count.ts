/**
 * The number of elements of a shape; of [] it is 1.
 * @throws Error for a size that is not known yet (a graph's symbol)
 */
export function elementCount(shape: readonly (number | string)[]): number {
  let count = 1;
  for (const size of shape) {
    if (typeof size === "string") throw new Error(`shape [${shape.join(",")}] is not static`);
    count *= size;
  }
  return count;
}
