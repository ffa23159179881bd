// The canvas to draw on, with mouse, pen, finger or keyboard: points in units of its side, and `onChange` when there are others.
const PEN = 0.075
const KEY_STEP = 0.04

export class Pad {
  /** The strokes drawn, each a list of points [x, y] from 0 to 1. */
  strokes = []
  #canvas
  #context
  #onChange
  #pointer
  #image
  #key = { x: 0.5, y: 0.5, isDown: false, isSeen: false }

  constructor(canvas, onChange) {
    this.#canvas = canvas
    this.#context = canvas.getContext('2d')
    this.#onChange = onChange
    canvas.addEventListener('pointerdown', event => this.#down(event))
    canvas.addEventListener('pointermove', event => this.#move(event))
    for (const name of ['pointerup', 'pointercancel']) {
      canvas.addEventListener(name, event => {
        if (event.pointerId === this.#pointer) this.#pointer = undefined
      })
    }
    canvas.addEventListener('keydown', event => this.#press(event))
    canvas.addEventListener('blur', () => {
      this.#key.isDown = this.#key.isSeen = false
      this.draw()
    })
    new ResizeObserver(() => this.#fit()).observe(canvas)
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.draw())
  }

  get isEmpty() {
    return this.strokes.length === 0 && this.#image === undefined
  }

  clear() {
    this.strokes = []
    this.#image = undefined
    this.#pointer = undefined
    this.#key.isDown = false
    this.#changed()
  }

  /** Shows an image of 8 by 8 levels in place of a drawing. */
  show(image) {
    this.strokes = []
    this.#image = image
    this.#changed()
  }

  #fit() {
    const side = Math.round(this.#canvas.clientWidth * devicePixelRatio)
    if (side === 0 || side === this.#canvas.width) return
    this.#canvas.width = this.#canvas.height = side
    this.draw()
  }

  #place(event) {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect()
    const inside = value => Math.min(1, Math.max(0, value))
    return [inside((event.clientX - left) / width), inside((event.clientY - top) / height)]
  }

  #down(event) {
    if (this.#pointer !== undefined || event.button !== 0) return
    event.preventDefault()
    this.#canvas.focus({ preventScroll: true, focusVisible: false })
    this.#canvas.setPointerCapture(event.pointerId)
    this.#pointer = event.pointerId
    this.#key.isDown = this.#key.isSeen = false
    this.#begin(this.#place(event))
  }

  #move(event) {
    if (event.pointerId !== this.#pointer) return
    const events = event.getCoalescedEvents?.() ?? []
    for (const each of events.length > 0 ? events : [event]) this.strokes.at(-1).push(this.#place(each))
    this.#changed()
  }

  #begin(point) {
    this.#image = undefined
    this.strokes.push([point])
    this.#changed()
  }

  #press(event) {
    const key = this.#key
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }
    const move = moves[event.key]
    if (event.ctrlKey || event.metaKey || event.altKey) return
    if (!move && ![' ', 'Delete', 'Backspace'].includes(event.key)) return
    event.preventDefault()
    key.isSeen = true
    if (event.key === ' ') {
      key.isDown = !key.isDown
      if (key.isDown) this.#begin([key.x, key.y])
    } else if (move) {
      key.x = Math.min(0.95, Math.max(0.05, key.x + move[0] * KEY_STEP))
      key.y = Math.min(0.95, Math.max(0.05, key.y + move[1] * KEY_STEP))
      if (key.isDown) {
        this.strokes.at(-1).push([key.x, key.y])
        return this.#changed()
      }
    } else {
      return this.clear()
    }
    this.draw()
  }

  #changed() {
    this.draw()
    this.#onChange()
  }

  draw() {
    const context = this.#context
    const side = this.#canvas.width
    const style = getComputedStyle(this.#canvas)
    context.clearRect(0, 0, side, side)
    if (this.#image) paint(context, this.#image, side, style.color)
    context.strokeStyle = style.color
    context.lineCap = context.lineJoin = 'round'
    context.lineWidth = PEN * side
    for (const stroke of this.strokes) {
      context.beginPath()
      context.moveTo(stroke[0][0] * side, stroke[0][1] * side)
      for (const [x, y] of stroke.length === 1 ? stroke : stroke.slice(1)) context.lineTo(x * side, y * side)
      context.stroke()
    }
    if (!this.#key.isSeen) return
    context.strokeStyle = context.fillStyle = style.getPropertyValue('--second')
    context.lineWidth = 2 * devicePixelRatio
    context.beginPath()
    context.arc(this.#key.x * side, this.#key.y * side, (PEN / 2) * side, 0, 2 * Math.PI)
    if (this.#key.isDown) context.fill()
    else context.stroke()
  }
}

/** Paints 8 by 8 levels into a square of a canvas. */
export function paint(context, image, side, color) {
  context.clearRect(0, 0, side, side)
  context.fillStyle = color
  const edge = i => Math.round((i * side) / 8)
  for (let i = 0; i < 64; i++) {
    const [x, y] = [i % 8, Math.floor(i / 8)]
    context.globalAlpha = Math.min(1, image[i])
    context.fillRect(edge(x), edge(y), edge(x + 1) - edge(x), edge(y + 1) - edge(y))
  }
  context.globalAlpha = 1
}
