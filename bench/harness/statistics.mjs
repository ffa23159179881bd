/**
 * Quartiles by linear interpolation between the sorted values.
 * @param {number[]} values
 * @returns {{ q1: number, median: number, q3: number }}
 */
export function quartiles(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const at = fraction => {
    const place = fraction * (sorted.length - 1)
    const below = Math.floor(place)
    const above = Math.min(below + 1, sorted.length - 1)
    return sorted[below] + (place - below) * (sorted[above] - sorted[below])
  }
  return { q1: at(0.25), median: at(0.5), q3: at(0.75) }
}

export const median = values => quartiles(values).median
