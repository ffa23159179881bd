/** Random choices that a seed repeats, in every runtime. */
export class Source {
  #state

  constructor(seed) {
    this.#state = (Math.imul(seed, 2654435761) + 12345) >>> 0 || 1
    for (let i = 0; i < 5; i++) this.next()
  }

  /** In [0, 1). */
  next() {
    let s = this.#state
    s ^= s << 13
    s ^= s >>> 17
    s ^= s << 5
    this.#state = s >>>= 0
    return s / 2 ** 32
  }

  /** From low to high, both included. */
  int(low, high) {
    return low + Math.floor(this.next() * (high - low + 1))
  }

  pick(list) {
    return list[Math.floor(this.next() * list.length)]
  }

  chance(share) {
    return this.next() < share
  }

  list(count, each) {
    return Array.from({ length: count }, (_, i) => each(i))
  }

  shuffled(list) {
    const copy = [...list]
    for (let i = copy.length - 1; i > 0; i--) {
      const j = this.int(0, i)
      ;[copy[i], copy[j]] = [copy[j], copy[i]]
    }
    return copy
  }
}

export const sizeOf = shape => shape.reduce((product, size) => product * size, 1)
