// The page beside the worker: a wheel that turns with every frame, a line of losses that grows, and the weights when they are there.
import { digits } from '../../dist/datasets.js'
import { accuracy, Chain, Dense, loadState, relu } from '../../dist/fluxtape.js'
import { inWorker } from '../../dist/in-worker.js'

const EPOCHS = 60
const HIDDEN = 256
const DOTS = 12
const at = id => document.getElementById(id)
const percent = share => `${(100 * share).toFixed(1)} %`
const losses = []
/** The times of the frames of the last second. */
const frames = []
let longest = 0
let run

requestAnimationFrame(frame)
const remote = await inWorker(new URL('./in-worker-served.js', import.meta.url)).catch(error => tell(error.message, true))
if (remote) {
  tell('Ready')
  at('go').disabled = at('end').disabled = false
  at('go').addEventListener('click', () => (run ? run.abort() : learn()))
  at('end').addEventListener('click', end)
}

async function learn() {
  run = new AbortController()
  losses.length = longest = 0
  at('go').textContent = 'Stop'
  tell('Training')
  try {
    const weights = await remote.fit({ epochs: EPOCHS, hidden: HIDDEN }, { onEpoch, signal: run.signal })
    const model = Chain(Dense(64, HIDDEN, relu), Dense(HIDDEN, 10))
    loadState(model, weights)
    tell(`Done: the weights are here, and read ${percent(accuracy(model, digits().test))}`)
  } catch (error) {
    tell(error.name === 'AbortError' ? 'Stopped' : error.message, error.name !== 'AbortError')
  }
  run = undefined
  at('go').textContent = 'Start'
}

/** A call under way rejects, and says so. */
async function end() {
  at('go').disabled = at('end').disabled = true
  await remote.terminate()
  if (!run) tell('The worker was ended')
}

function onEpoch({ epoch, loss, right, threads }) {
  losses.push(loss)
  at('epoch').textContent = String(epoch + 1)
  at('loss').textContent = loss.toPrecision(3)
  at('accuracy').textContent = percent(right)
  at('threads').textContent = String(threads)
  at('line').ariaLabel = `Loss after ${epoch + 1} epochs: ${loss.toPrecision(3)}`
}

function tell(text, isTrouble = false) {
  at('state').textContent = text
  at('state').classList.toggle('trouble', isTrouble)
}

function frame(now) {
  if (frames.length > 0) longest = Math.max(longest, now - frames.at(-1))
  frames.push(now)
  while (now - frames[0] > 1000) frames.shift()
  at('frames').textContent = String(frames.length)
  at('wait').textContent = `${Math.round(longest)} ms`
  drawWheel(now)
  drawLine()
  requestAnimationFrame(frame)
}

/** An empty canvas as sharp as the screen, its width and height, and the colors of the page. */
function cleared(id) {
  const canvas = at(id)
  const { clientWidth: width, clientHeight: height } = canvas
  canvas.width = width * devicePixelRatio
  canvas.height = height * devicePixelRatio
  const context = canvas.getContext('2d')
  context.scale(devicePixelRatio, devicePixelRatio)
  const style = getComputedStyle(canvas)
  return { context, width, height, color: name => style.getPropertyValue(`--${name}`) }
}

function drawWheel(now) {
  const { context, width, height, color } = cleared('moving')
  const radius = 0.34 * Math.min(width, height)
  for (let i = 0; i < DOTS; i++) {
    const angle = now / 900 + (2 * Math.PI * i) / DOTS
    context.beginPath()
    context.arc(width / 2 + radius * Math.cos(angle), height / 2 + radius * Math.sin(angle), 4 + i, 0, 2 * Math.PI)
    context.fillStyle = i === DOTS - 1 ? color('second') : color('first')
    context.fill()
  }
}

/** The losses on a logarithmic scale, from the first epoch at the left to the last at the right. */
function drawLine() {
  const { context, width, height, color } = cleared('line')
  const [high, low] = [Math.log(Math.max(...losses)), Math.log(Math.min(...losses))]
  const x = i => 14 + ((width - 28) * i) / (EPOCHS - 1)
  const y = loss => 14 + ((height - 28) * (high - Math.log(loss))) / (high - low || 1)
  context.beginPath()
  for (const [i, loss] of losses.entries()) context.lineTo(x(i), y(loss))
  Object.assign(context, { strokeStyle: color('first'), lineWidth: 2.5, lineJoin: 'round' })
  context.stroke()
  if (losses.length === 0) return
  context.beginPath()
  context.arc(x(losses.length - 1), y(losses.at(-1)), 4.5, 0, 2 * Math.PI)
  context.fillStyle = color('second')
  context.fill()
}
