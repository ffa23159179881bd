// Puts the page together: controls to the trainer, the trainer's news to numbers and plots, drawings to the network.
import { memory, threads, variant } from 'fluxtape'
import { paintFilters } from './filters.js'
import { toGrid } from './grid.js'
import { Pad } from './pad.js'
import { plots } from './plots.js'
import { Reading } from './reading.js'
import { Trainer, testDigit } from './trainer.js'

/** The least time between two drawings of the plots, in milliseconds. */
const FRAME = 60
const STATES = {
  ready: ['Start', 'Ready'],
  running: ['Pause', 'Training'],
  paused: ['Resume', 'Paused'],
  stopped: ['Train on', 'Stopped'],
  done: ['Train on', 'Done'],
  failed: ['Train on', 'Failed'],
}
const VARIANTS = {
  relaxed: 'this browser has relaxed SIMD: multiply and add in one rounding',
  baseline: 'this browser has no relaxed SIMD: multiply, then add',
}

const at = id => document.getElementById(id)
const network = () => ({ kind: at('network').value, hidden: Number(at('hidden').value) })
const curves = plots(at('loss-plot'), at('accuracy-plot'))
const reading = new Reading({ bars: at('bars'), answer: at('answer'), text: at('answer-text'), seen: at('seen') })
const pad = new Pad(at('pad'), drawn)
const trainer = new Trainer({ onState, onStep: step, onEpoch: epoch }, network())

let image
let truth
let latest
let lastDraw = 0
let isDirty = true
/** When some steps were counted, for the rate. */
let marks = []

const rate = () => 10 ** Number(at('rate').value)
const percent = share => `${(100 * share).toFixed(1)} %`

at('go').addEventListener('click', () => {
  if (trainer.state === 'running') trainer.pause()
  else if (trainer.state === 'paused') trainer.resume()
  else {
    const [epochs, batchSize] = ['epochs', 'batch'].map(id => Number(at(id).value))
    trainer.start({ epochs, batchSize, rate: rate(), vary: at('vary').checked })
  }
})
at('stop').addEventListener('click', () => trainer.stop())
at('reset').addEventListener('click', reset)
for (const id of ['network', 'hidden']) at(id).addEventListener('change', reset)
at('rate').addEventListener('input', () => {
  showRate()
  trainer.setRate(rate())
})
at('settings').addEventListener('submit', event => event.preventDefault())
at('clear').addEventListener('click', () => pad.clear())
at('sample').addEventListener('click', () => {
  const sample = testDigit()
  pad.show(sample.image)
  image = sample.image
  truth = sample.digit
  reading.see(image)
  predict()
})

async function reset() {
  await trainer.reset(network())
  latest = undefined
  curves.clear()
  refresh()
}

function step(record) {
  curves.step(record)
  isDirty = true
}

function epoch(record) {
  curves.epoch(record)
  latest = record
}

function onState(state, error) {
  const [label, text] = STATES[state]
  const isBusy = state === 'running' || state === 'paused'
  at('go').textContent = label
  at('state').textContent = error ? `${text}: ${error.message}` : text
  at('state').classList.toggle('trouble', state === 'failed')
  if (!isBusy && document.activeElement === at('stop')) at('go').focus()
  at('stop').disabled = !isBusy
  for (const id of ['network', 'hidden', 'batch', 'epochs', 'vary']) at(id).disabled = isBusy
  marks = []
  isDirty = true
  requestAnimationFrame(frame)
}

/** Shows what came since the last time, while there is something to come. */
function frame(now) {
  if (isDirty && now - lastDraw >= FRAME) {
    lastDraw = now
    isDirty = false
    refresh()
  }
  if (trainer.state === 'running' || isDirty) requestAnimationFrame(frame)
}

function refresh() {
  curves.draw()
  const loss = curves.loss()
  at('progress').value = trainer.progress
  at('epoch').textContent = trainer.epoch.toLocaleString('en')
  at('steps').textContent = trainer.step.toLocaleString('en')
  at('speed').textContent = speed()
  at('loss').textContent = loss === undefined ? '–' : loss.toPrecision(3)
  at('accuracy').textContent = latest ? percent(latest.test) : '–'
  at('loss-key').textContent = loss === undefined ? 'each batch, and mean' : `mean ${loss.toPrecision(3)}`
  at('train-key').textContent = latest ? `train ${percent(latest.seen)}` : 'train'
  at('test-key').textContent = latest ? `test ${percent(latest.test)}` : 'test'
  at('loss-plot').ariaLabel = loss === undefined ? 'Loss, no steps yet' : `Loss after ${trainer.step} steps: ${loss.toPrecision(3)}`
  at('accuracy-plot').ariaLabel = latest
    ? `Accuracy after ${latest.epoch} epochs: ${percent(latest.seen)} of digits to learn from, ${percent(latest.test)} of test digits`
    : 'Accuracy, no epochs yet'
  showFilters()
  runtime()
  predict()
}

function showFilters() {
  const filters = trainer.filters()
  at('filters-figure').hidden = filters === undefined
  if (filters) paintFilters(at('filters'), filters)
}

/** Steps a second, over the last second; the last such number while nothing runs. */
function speed() {
  if (trainer.step === 0) return '–'
  const now = performance.now()
  if (trainer.state !== 'running') return at('speed').textContent
  marks.push([now, trainer.step])
  while (marks.length > 2 && now - marks[0][0] > 1000) marks.shift()
  const [start, first] = marks[0]
  return now - start < 100 ? at('speed').textContent : Math.round((1000 * (trainer.step - first)) / (now - start)).toLocaleString('en')
}

function runtime() {
  const { count, reason } = threads()
  at('threads').textContent = String(count)
  at('threads-why').textContent = reason
  at('variant').textContent = variant()
  at('variant-why').textContent = VARIANTS[variant()]
  at('memory').textContent = `${(memory().bytes / 2 ** 20).toFixed(1)} MB`
}

function drawn() {
  at('hint').hidden = !pad.isEmpty
  if (pad.isEmpty) {
    image = truth = undefined
    reading.clear()
  } else if (pad.strokes.length > 0) {
    image = toGrid(pad.strokes)
    truth = undefined
    reading.see(image)
    predict()
  }
}

function predict() {
  if (image) reading.show(trainer.predict(image), { isTrained: trainer.epoch > 0, truth })
}

function showRate() {
  at('rate-shown').textContent = String(Number(rate().toPrecision(2)))
}

showRate()
reading.clear()
refresh()
