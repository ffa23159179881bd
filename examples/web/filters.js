// The filters of the network's first convolution, side by side: green takes ink to be there, orange takes it to be missing.

/** Paints `filters`, each `size` by `size` weights, row by row; the largest of all weights has the full color. */
export function paintFilters(canvas, { weights, size }) {
  const area = size * size
  const count = weights.length / area
  const style = getComputedStyle(canvas)
  const colors = [style.getPropertyValue('--first'), style.getPropertyValue('--second')]
  const most = weights.reduce((most, each) => Math.max(most, Math.abs(each)), 1e-6)
  // A pixel for each weight, and one between two filters: the style sheet enlarges them.
  if (canvas.width !== count * (size + 1) - 1) [canvas.width, canvas.height] = [count * (size + 1) - 1, size]
  const context = canvas.getContext('2d')
  context.clearRect(0, 0, canvas.width, canvas.height)
  for (const [i, weight] of weights.entries()) {
    const [filter, row, column] = [Math.floor(i / area), Math.floor((i % area) / size), i % size]
    context.globalAlpha = Math.abs(weight) / most
    context.fillStyle = colors[weight > 0 ? 0 : 1]
    context.fillRect(filter * (size + 1) + column, row, 1, 1)
  }
  context.globalAlpha = 1
}
