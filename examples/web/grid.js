// A drawing as the data has its digits: 8 by 8 levels from 0 to 1, from top to bottom, 1 is ink.
// The data came from 32 by 32 black and white pixels: a digit fills the height, is some two thirds as wide, stands in the middle, and a level
// is the share of ink in 4 by 4 pixels. So the strokes are moved and scaled to that box first, and then drawn anew with a pen of its size.

const SIDE = 32
const CELL = 4
/** The pen, in those pixels: what reads drawings best of 3.6, 4.6, 5.6 and 6.6 is between the last two. */
const PEN = 6
/** The most that a digit may be wide: 20 to 22 read better than 24, 26 and 32. */
const WIDEST = 21
/** How far a low and wide drawing, such as a dash, may be stretched in height more than in width. */
const STRETCH = 2.5
/** Samples along a side of a pixel. */
const FINE = 2

/** The 64 levels of strokes, each a list of points [x, y]; undefined if there is no point. */
export function toGrid(strokes) {
  const points = strokes.flat()
  if (points.length === 0) return undefined
  const place = toBox(points)
  const segments = strokes.flatMap(stroke => {
    const path = stroke.map(place)
    return path.length === 1 ? [[path[0], path[0]]] : path.slice(1).map((point, i) => [path[i], point])
  })
  const ink = new Uint8Array((SIDE * FINE) ** 2)
  for (const segment of segments) draw(ink, segment)
  const levels = new Float32Array((SIDE / CELL) ** 2)
  const share = 1 / (CELL * FINE) ** 2
  for (let i = 0; i < ink.length; i++) {
    const [x, y] = [i % (SIDE * FINE), Math.floor(i / (SIDE * FINE))]
    levels[Math.floor(y / FINE / CELL) * (SIDE / CELL) + Math.floor(x / FINE / CELL)] += ink[i] * share
  }
  return levels
}

/** Where a point of the drawing goes, so that the drawing with its pen fills the box and stands in the middle. */
function toBox(points) {
  const xs = points.map(([x]) => x)
  const ys = points.map(([, y]) => y)
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)]
  const width = Math.max(right - left, 1e-6)
  const height = Math.max(bottom - top, 1e-6)
  const scaleX = Math.min((SIDE - PEN) / height, (WIDEST - PEN) / width)
  const scaleY = Math.min((SIDE - PEN) / height, STRETCH * scaleX)
  return ([x, y]) => [SIDE / 2 + (x - (left + right) / 2) * scaleX, SIDE / 2 + (y - (top + bottom) / 2) * scaleY]
}

/** Inks all samples within half a pen of a segment. */
function draw(ink, [[fromX, fromY], [toX, toY]]) {
  const dx = toX - fromX
  const dy = toY - fromY
  const length = dx * dx + dy * dy
  const reach = (from, to) => [Math.min(from, to) - PEN / 2, Math.max(from, to) + PEN / 2].map(edge => Math.round(edge * FINE))
  const [left, right] = reach(fromX, toX)
  const [top, bottom] = reach(fromY, toY)
  for (let row = Math.max(0, top); row < Math.min(SIDE * FINE, bottom); row++) {
    for (let column = Math.max(0, left); column < Math.min(SIDE * FINE, right); column++) {
      const x = (column + 0.5) / FINE - fromX
      const y = (row + 0.5) / FINE - fromY
      const along = length === 0 ? 0 : Math.min(1, Math.max(0, (x * dx + y * dy) / length))
      if ((x - along * dx) ** 2 + (y - along * dy) ** 2 < (PEN / 2) ** 2) ink[row * SIDE * FINE + column] = 1
    }
  }
}
