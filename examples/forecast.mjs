// A time series: the next hour of the demand for electricity from the last two days, learned from windows of the series, against what needs no
// learning: that it will be as now, or as a day ago. The series is made here, with a daily and a weekly rhythm, a trend and noise.
// Run it with `node examples/forecast.mjs`.
import { Adam, Chain, DataLoader, Dense, mae, manualSeed, mse, params, relu, scope, slidingWindow, tensor, train } from 'fluxtape'

manualSeed(1)
const HOURS = 24 * 7 * 20
const SEEN = 48

/** Numbers that look like noise, the same in every run. */
let seed = 1
const noise = () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) | 0
  return seed / 2 ** 31
}
let drift = 0
const series = Float32Array.from({ length: HOURS }, (_, hour) => {
  const day = Math.sin((2 * Math.PI * hour) / 24) + 0.5 * Math.sin((4 * Math.PI * hour) / 24 + 1)
  const isWeekend = Math.floor(hour / 24) % 7 > 4
  drift = 0.95 * drift + 0.1 * noise()
  return (isWeekend ? 0.5 : 1) * day + hour / HOURS + drift + 0.05 * noise()
})

// The past teaches and the future examines: never shuffle a series before it is cut. Scale by what was seen in the past alone.
const cut = Math.floor(0.8 * HOURS)
const past = series.subarray(0, cut)
const mean = past.reduce((sum, value) => sum + value, 0) / cut
const std = Math.sqrt(past.reduce((sum, value) => sum + (value - mean) ** 2, 0) / cut)
const scaled = series.map(value => (value - mean) / std)

/** Windows of what is seen and the hour behind it: x [n, seen], y [n, 1]. */
function windowsOf(values) {
  const windows = [...slidingWindow(values, { size: SEEN + 1 })]
  const rows = windows.map(each => Array.from(each))
  return [tensor(rows.map(row => row.slice(0, SEEN))), tensor(rows.map(row => row.slice(SEEN)))]
}
const [x, y] = windowsOf(scaled.subarray(0, cut))
const [futureX, futureY] = windowsOf(scaled.subarray(cut))

const model = Chain(Dense(SEEN, 32, relu), Dense(32, 1))
const data = new DataLoader([x, y], { batchSize: 64, shuffle: true })
await train((x, y) => mse(model(x), y), params(model), data, Adam(3e-3), { epochs: 20 })

const error = guess => scope(() => (std * mae(guess(futureX), futureY).item()).toFixed(3))
console.log(`mean error of ${futureY.shape[0]} hours that it has not seen`)
console.log(`as now        ${error(x => x.slice(':, -1:'))}`)
console.log(`as yesterday  ${error(x => x.slice(':, -24:-23'))}`)
console.log(`learned       ${error(model)}`)
