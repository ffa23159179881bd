// Two live plots by uPlot: the loss of the steps, and the accuracy of the epochs.
import uPlot from 'uplot'

/** Points that a curve keeps; when there are more, neighbors are merged. */
const MOST = 1600
const FONT = '12px system-ui, sans-serif'

/** Columns of numbers, the first ever rising; halved by taking means of pairs when they grow too long. */
class Curve {
  constructor(columns) {
    this.columns = Array.from({ length: columns }, () => [])
    this.stride = 1
    this.pending = []
  }

  push(row) {
    this.pending.push(row)
    if (this.pending.length < this.stride) return
    for (const [i, column] of this.columns.entries()) column.push(mean(this.pending.map(each => each[i])))
    this.pending = []
    if (this.columns[0].length < MOST) return
    this.columns = this.columns.map(column => Array.from({ length: MOST / 2 }, (_, i) => (column[2 * i] + column[2 * i + 1]) / 2))
    this.stride *= 2
  }
}

const mean = numbers => numbers.reduce((sum, each) => sum + each, 0) / numbers.length

/** Of the places on a logarithmic axis the powers of ten. */
const decades = (_, splits) => splits.map(each => (Number.isInteger(Number(Math.log10(each).toFixed(6))) ? each : null))

function colors() {
  const style = getComputedStyle(document.documentElement)
  return Object.fromEntries(['ink', 'quiet', 'line', 'first', 'second'].map(name => [name, style.getPropertyValue(`--${name}`).trim()]))
}

/** The plots in their elements, with `step`, `epoch` and `clear` to feed them and `draw` to show what came. */
export function plots(lossElement, accuracyElement) {
  let color = colors()
  const axis = (size, values, filter) => ({
    stroke: () => color.quiet,
    font: FONT,
    size,
    gap: 4,
    grid: { stroke: () => color.line, width: 1, ...(filter && { filter }) },
    ticks: { show: false },
    ...(values && { values }),
    ...(filter && { filter }),
  })
  const line = (name, more) => ({ stroke: () => color[name], width: 2, points: { show: false }, ...more })
  const make = (element, y, yAxis, series) =>
    new uPlot(
      {
        width: Math.max(1, element.clientWidth),
        height: Math.max(1, element.clientHeight),
        padding: [10, 16, 0, 0],
        legend: { show: false },
        cursor: { show: false },
        scales: { x: { time: false, range: (_, low, high) => (low === null || high === low ? [0, 1] : [0, high]) }, y },
        axes: [{ ...axis(24), label: 'epochs', labelSize: 18, labelGap: 2, labelFont: FONT }, yAxis],
        series: [{}, ...series],
      },
      [[], ...series.map(() => [])],
      element,
    )
  const lossPlot = make(
    lossElement,
    { distr: 3, range: (_, low, high) => (low === null ? [0.01, 10] : uPlot.rangeLog(low, high, 10, true)) },
    axis(46, (_, splits) => splits.map(each => (each === null ? '' : String(Number(each.toPrecision(3))))), decades),
    [line('first', { width: 1, alpha: 0.35 }), line('first')],
  )
  const accuracyPlot = make(
    accuracyElement,
    { range: (_, low) => [low === null ? 0 : Math.max(0, Math.min(0.9, Math.floor(low * 10) / 10)), 1] },
    { ...axis(46, (_, splits) => splits.map(each => `${Math.round(100 * each)} %`)), incrs: [0.01, 0.02, 0.05, 0.1, 0.2] },
    [line('first'), line('second')],
  )
  const all = [lossPlot, accuracyPlot]

  const observer = new ResizeObserver(entries => {
    for (const { target, contentRect } of entries) {
      const plot = target === lossElement ? lossPlot : accuracyPlot
      plot.setSize({ width: Math.max(1, contentRect.width), height: Math.max(1, contentRect.height) })
    }
  })
  for (const element of [lossElement, accuracyElement]) observer.observe(element)
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    color = colors()
    for (const plot of all) plot.redraw()
  })

  let losses = new Curve(3)
  let accuracies = new Curve(3)
  let smooth
  return {
    step({ epoch, loss }) {
      smooth = smooth === undefined ? loss : smooth + 0.03 * (loss - smooth)
      losses.push([epoch, Math.max(loss, 1e-6), Math.max(smooth, 1e-6)])
    },
    epoch({ epoch, seen, test }) {
      accuracies.push([epoch, seen, test])
    },
    /** The loss, averaged over some thirty steps. */
    loss: () => smooth,
    draw() {
      lossPlot.setData(losses.columns)
      accuracyPlot.setData(accuracies.columns)
    },
    clear() {
      losses = new Curve(3)
      accuracies = new Curve(3)
      smooth = undefined
      this.draw()
    },
  }
}
