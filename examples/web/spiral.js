// Spirals, told apart by a small network: everything comes from the global `fluxtape` of the script tag.
const { Adam, accuracy, Chain, Dense, logitCrossEntropy, params, scope, softmax, stop, tanh, tensor, threads, train, variant } = fluxtape

const POINTS = 120
const EPOCHS = 6000
/** Places along a side of the field that the network is asked about. */
const CELLS = 80
/** The field reaches from -EDGE to EDGE. */
const EDGE = 1.15
const COLORS = [
  [11, 122, 116],
  [203, 94, 33],
  [92, 84, 190],
  [172, 52, 110],
]

const at = id => document.getElementById(id)
const canvas = at('field')
const context = canvas.getContext('2d')
const tile = document.createElement('canvas')
tile.width = tile.height = CELLS
const isDark = matchMedia('(prefers-color-scheme: dark)')
const grid = tensor(
  Float32Array.from({ length: 2 * CELLS * CELLS }, (_, i) => {
    const cell = i >> 1
    const place = i % 2 === 0 ? cell % CELLS : Math.floor(cell / CELLS)
    return EDGE * ((2 * place + 1) / CELLS - 1)
  }),
  [CELLS * CELLS, 2],
)

let data
let model
let state = 'ready'
let step = 0
let loss
let wait
let resume
let ending = false
let run = Promise.resolve()
let lastDraw = 0
let marks = []

/** Points on the arms of a spiral, the arm being the class. */
function spirals(arms) {
  const x = []
  const y = []
  for (let arm = 0; arm < arms; arm++) {
    for (let i = 0; i < POINTS; i++) {
      const radius = 0.08 + (0.92 * i) / POINTS
      const angle = (2 * Math.PI * arm) / arms + 7 * radius + (Math.random() - 0.5) * 0.25
      x.push(radius * Math.cos(angle), radius * Math.sin(angle))
      y.push(arm)
    }
  }
  return [tensor(Float32Array.from(x), [y.length, 2]), tensor(Int32Array.from(y))]
}

function build() {
  const [arms, hidden] = ['arms', 'hidden'].map(id => Number(at(id).value))
  for (const each of data ?? []) each.dispose()
  data = spirals(arms)
  model = Chain(Dense(2, hidden, tanh), Dense(hidden, hidden, tanh), Dense(hidden, arms))
  step = 0
  loss = undefined
  to('ready')
}

async function start() {
  ending = false
  to('running')
  const onStep = record => {
    step++
    loss = record.loss
    return ending ? stop : wait
  }
  try {
    await train((x, y) => logitCrossEntropy(model(x), y), params(model), [data], Adam(0.004), { epochs: EPOCHS, callbacks: onStep })
    to(ending ? 'stopped' : 'done')
  } catch (error) {
    to('failed', error)
  }
}

function pause() {
  wait = new Promise(resolve => {
    resume = resolve
  })
  to('paused')
}

function goOn(answer) {
  wait = undefined
  resume?.(answer)
}

async function reset() {
  ending = true
  goOn(stop)
  await run
  build()
}

function to(next, error) {
  const [label, text] = {
    ready: ['Start', 'Ready'],
    running: ['Pause', 'Training'],
    paused: ['Resume', 'Paused'],
    stopped: ['Train on', 'Stopped'],
    done: ['Train on', 'Done'],
    failed: ['Train on', `Failed: ${error?.message}`],
  }[next]
  state = next
  at('go').textContent = label
  at('state').textContent = text
  at('state').classList.toggle('trouble', next === 'failed')
  marks = []
  lastDraw = 0
  requestAnimationFrame(frame)
}

function frame(now) {
  if (now - lastDraw >= 60) {
    lastDraw = now
    show()
  }
  if (state === 'running') requestAnimationFrame(frame)
}

function show() {
  at('progress').value = state === 'done' ? 1 : (step % EPOCHS) / EPOCHS
  at('steps').textContent = step.toLocaleString('en')
  at('loss').textContent = loss === undefined ? '–' : loss < 0.001 ? loss.toExponential(1) : loss.toPrecision(3)
  at('accuracy').textContent = step === 0 ? '–' : `${(100 * accuracy(model, data)).toFixed(1)} %`
  if (state === 'running') {
    const now = performance.now()
    marks.push([now, step])
    while (marks.length > 2 && now - marks[0][0] > 1000) marks.shift()
    const [begin, first] = marks[0]
    if (now - begin > 100) at('speed').textContent = Math.round((1000 * (step - first)) / (now - begin)).toLocaleString('en')
  }
  const { count, reason } = threads()
  at('threads').textContent = String(count)
  at('threads-why').textContent = reason
  at('variant').textContent = variant()
  draw()
}

/** The field in the colors of the classes, as strong as the network is sure, and the points on it. */
function draw() {
  const arms = Number(at('arms').value)
  const chances = scope(() => softmax(model(grid)).data())
  const ground = isDark.matches ? [27, 32, 39] : [255, 255, 255]
  const pixels = new ImageData(CELLS, CELLS)
  for (let cell = 0; cell < CELLS * CELLS; cell++) {
    for (let channel = 0; channel < 3; channel++) {
      let mix = 0
      for (let arm = 0; arm < arms; arm++) mix += chances[cell * arms + arm] * COLORS[arm][channel]
      pixels.data[4 * cell + channel] = ground[channel] + 0.38 * (mix - ground[channel])
    }
    pixels.data[4 * cell + 3] = 255
  }
  tile.getContext('2d').putImageData(pixels, 0, 0)
  const side = canvas.width
  context.imageSmoothingQuality = 'high'
  context.drawImage(tile, 0, 0, side, side)
  const points = data[0].data()
  context.lineWidth = side / 500
  context.strokeStyle = isDark.matches ? 'rgb(19 22 27)' : 'white'
  for (let i = 0; 2 * i < points.length; i++) {
    context.fillStyle = `rgb(${COLORS[Math.floor(i / POINTS)].map(channel => (isDark.matches ? channel + 40 : channel)).join(' ')})`
    context.beginPath()
    context.arc(((points[2 * i] / EDGE + 1) * side) / 2, ((points[2 * i + 1] / EDGE + 1) * side) / 2, side / 110, 0, 2 * Math.PI)
    context.fill()
    context.stroke()
  }
}

at('go').addEventListener('click', () => {
  if (state === 'running') return pause()
  if (state === 'paused') {
    goOn()
    return to('running')
  }
  run = start()
})
at('reset').addEventListener('click', reset)
for (const id of ['arms', 'hidden']) at(id).addEventListener('change', reset)
at('settings').addEventListener('submit', event => event.preventDefault())
isDark.addEventListener('change', show)
new ResizeObserver(() => {
  const side = Math.round(canvas.clientWidth * devicePixelRatio)
  if (side === 0 || side === canvas.width) return
  canvas.width = canvas.height = side
  if (model) show()
}).observe(canvas)
build()
