/** bᵗ by squaring for a whole t, since the last bit of `**` differs between engines. */
export function power(b: number, t: number): number {
  if (!Number.isInteger(t)) return b ** t
  let result = 1
  for (let square = b, left = t; left > 0; left >>>= 1) {
    if (left & 1) result *= square
    square *= square
  }
  return result
}
