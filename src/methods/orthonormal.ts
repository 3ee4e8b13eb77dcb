/**
 * Makes the columns of a [rows, columns] matrix orthonormal in place, each kept in its direction as
 * far as those before it allow: Gram and Schmidt's, twice, in float64.
 */
export function orthonormaliseColumns(matrix: Float32Array, columns: number): void {
  const rows = matrix.length / columns;
  const done: Float64Array[] = [];
  for (let column = 0; column < columns; column++) {
    const v = Float64Array.from({ length: rows }, (_, row) => matrix[row * columns + column] ?? 0);
    for (const u of [...done, ...done]) {
      let dot = 0;
      for (let row = 0; row < rows; row++) dot += (u[row] ?? 0) * (v[row] ?? 0);
      for (let row = 0; row < rows; row++) v[row] = (v[row] ?? 0) - dot * (u[row] ?? 0);
    }
    const length = Math.sqrt(v.reduce((sum, value) => sum + value * value, 0));
    for (let row = 0; row < rows; row++) {
      v[row] = (v[row] ?? 0) / length;
      matrix[row * columns + column] = v[row] ?? 0;
    }
    done.push(v);
  }
}
