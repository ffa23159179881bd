// What the network makes of the drawing: ten bars, the answer in words, and the 8 by 8 levels that it sees.
import { paint } from './pad.js'

export class Reading {
  #bars
  #answer
  #text
  #seen
  #said

  constructor({ bars, answer, text, seen }) {
    this.#answer = answer
    this.#text = text
    this.#seen = seen
    this.#bars = Array.from({ length: 10 }, (_, digit) => {
      const row = document.createElement('li')
      const [label, track, fill, share] = ['digit', 'track', 'fill', 'share'].map(name => {
        const element = document.createElement('span')
        element.className = name
        return element
      })
      label.textContent = String(digit)
      track.append(fill)
      row.append(label, track, share)
      bars.append(row)
      return { row, fill, share }
    })
  }

  /** `chances`: ten probabilities; `isTrained`: is it worth a word? `truth`: the digit it is, where that is known. */
  show(chances, { isTrained, truth }) {
    const best = chances.indexOf(Math.max(...chances))
    for (const [digit, { row, fill, share }] of this.#bars.entries()) {
      fill.style.transform = `scaleY(${chances[digit].toFixed(4)})`
      share.textContent = String(Math.round(100 * chances[digit]))
      row.className = digit === best && isTrained ? 'best' : ''
    }
    this.#answer.textContent = isTrained ? String(best) : '?'
    const sure = chances[best] > 0.9 ? `This is a ${best}` : chances[best] > 0.6 ? `Probably a ${best}` : `Perhaps a ${best}`
    const known = truth === undefined ? '' : truth === best ? ', and it is' : `, but it is a ${truth}`
    this.#say(isTrained ? sure + known : 'It has not learned anything yet')
  }

  see(image) {
    paint(this.#seen.getContext('2d'), image, 8, getComputedStyle(this.#seen).color)
  }

  clear() {
    this.#seen.getContext('2d').clearRect(0, 0, 8, 8)
    for (const { row, fill, share } of this.#bars) {
      fill.style.transform = 'scaleY(0)'
      share.textContent = '–'
      row.className = ''
    }
    this.#answer.textContent = '?'
    this.#say('Nothing drawn yet')
  }

  /** Only what is new, so that a screen reader does not repeat itself. */
  #say(text) {
    if (text === this.#said) return
    this.#said = text
    this.#text.textContent = text
  }
}
