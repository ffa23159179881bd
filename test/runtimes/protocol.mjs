/**
 * A worker's life as assembly/parallel.ts has it, in JavaScript, for workers that misbehave: it looks for chunks, sleeps when it is tired of it, and
 * returns when it is told to leave, if it may. Self-contained, since it goes into workers as text.
 * @param {ArrayBufferLike} buffer
 * @param {number} control
 * @param {import('./protocol.mjs').Manners} manners
 */
export function follow(buffer, control, { delay, isTired, mayLeave, compute }) {
  const words = new Int32Array(buffer)
  const bytes = new Uint8Array(buffer)
  const tickets = new BigInt64Array(buffer)
  const word = offset => (control + offset) >>> 2
  let looks = 0
  Atomics.add(words, word(256), 1)
  while (!mayLeave || Atomics.load(words, word(260)) === 0) {
    const seen = Atomics.load(words, word(0))
    if ((seen & 0xffff) === 0) {
      if (!isTired(++looks)) continue
      looks = 0
      Atomics.add(words, word(192), 1)
      delay()
      Atomics.wait(words, word(0), seen)
      delay()
      Atomics.sub(words, word(192), 1)
      continue
    }
    const ticket = Atomics.load(tickets, control >>> 3)
    const low = Number(BigInt.asIntN(32, ticket))
    const left = low & 0xffff
    delay()
    if (left === 0 || Atomics.compareExchange(tickets, control >>> 3, ticket, ticket - 1n) !== ticket) continue
    looks = 0
    delay()
    const chunk = (low >>> 16) + left - 1
    const size = words[word(140)]
    const begin = chunk * size
    Atomics.store(bytes, control + 384 + chunk, 1)
    compute({ kernel: words[word(128)], descriptor: words[word(132)], begin, end: Math.min(begin + size, words[word(136)]) })
    delay()
    Atomics.store(bytes, control + 384 + chunk, 2)
    Atomics.add(words, word(64), 1)
  }
  Atomics.add(words, word(264), 1)
}
