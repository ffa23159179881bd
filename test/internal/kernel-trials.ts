/** How a kernel is tried: on memory of its own, over its whole range and over pieces of it. */
import { allocate, release } from '../../src/wasm/allocator.ts'
import { checkAllZones } from '../../src/wasm/guard.ts'
import type { Address, Layout, Status } from '../../src/wasm/kinds.ts'
import { f32, i32, u8 } from '../../src/wasm/memory.ts'

/** A stretch of linear memory and how its bits are compared: NaN equals NaN in floats. */
export interface Block {
  readonly pointer: Address
  readonly bytes: number
  readonly kind: 'floats' | 'bytes'
}

/** One set of arguments of a kernel; `run` calls it over a range of its `units`. */
export interface Trial {
  readonly name: string
  readonly units: number
  /** Everything that the kernel may write. */
  readonly writes: readonly Block[]
  /** May two units write the same place, each the same bits? */
  readonly rewrites?: boolean
  run(begin: number, end: number): void
}

/** Numbers that look random, the same in every run (mulberry32). */
export function randomness(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

const oddities = [Number.NaN, 0, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e-40, -3e38, 0.5, 1.5]

/** Blocks for trials; `free` gives them all back. */
export class Arena {
  private readonly taken: Block[] = []
  readonly random: () => number

  constructor(seed: number) {
    this.random = randomness(seed)
  }

  private take(bytes: number, kind: Block['kind']): Block {
    const block = { pointer: allocate(bytes), bytes, kind }
    this.taken.push(block)
    return block
  }

  /** n floats between low and high; with `odd`, every fifth is NaN, infinite or otherwise special. */
  floats(n: number, { low = -3, high = 3, odd = false } = {}): Block {
    const block = this.take(4 * n, 'floats')
    const at = block.pointer >>> 2
    for (let i = 0; i < n; i++)
      f32[at + i] = odd && i % 5 === 3 ? oddities[((i / 5) % oddities.length) | 0] : low + (high - low) * this.random()
    return block
  }

  /** n whole numbers from low on, below high. */
  ints(n: number, low = -1000, high = 1000): Block {
    const block = this.take(4 * n, 'bytes')
    const at = block.pointer >>> 2
    for (let i = 0; i < n; i++) i32[at + i] = low + Math.floor((high - low) * this.random())
    return block
  }

  /** n bytes below `high`. */
  bytes(n: number, high = 256): Block {
    const block = this.take(n, 'bytes')
    for (let i = 0; i < n; i++) u8[block.pointer + i] = Math.floor(high * this.random())
    return block
  }

  /** These whole numbers, such as a layout. */
  words(values: readonly number[]): Address & Layout & Status {
    const { pointer } = this.take(4 * values.length, 'bytes')
    i32.set(values, pointer >>> 2)
    return pointer as Address & Layout & Status
  }

  free(): void {
    for (const { pointer, bytes } of this.taken) release(pointer, bytes)
    this.taken.length = 0
  }
}

const contents = (blocks: readonly Block[]): Uint8Array[] => blocks.map(({ pointer, bytes }) => u8.slice(pointer, pointer + bytes))

function restore(blocks: readonly Block[], saved: readonly Uint8Array[]): void {
  blocks.forEach(({ pointer }, i) => u8.set(saved[i], pointer))
}

/** The places where two contents of a block differ: bytes, or floats. */
function differences({ kind }: Block, a: Uint8Array, b: Uint8Array): number[] {
  const places: number[] = []
  if (Buffer.compare(a, b) === 0) return places
  const [x, y] = kind === 'bytes' ? [a, b] : [new Float32Array(a.buffer), new Float32Array(b.buffer)]
  for (let i = 0; i < x.length; i++) if (!Object.is(x[i], y[i])) places.push(i)
  return places
}

function shuffled<T>(list: readonly T[], random: () => number): T[] {
  const order = [...list]
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[order[i], order[j]] = [order[j], order[i]]
  }
  return order
}

/** The range cut at random places into up to seven pieces, one of them empty at least, in a random order. */
function pieces(units: number, random: () => number): (readonly [number, number])[] {
  const cuts = Array.from({ length: 1 + Math.floor(random() * 5) }, () => Math.floor(random() * (units + 1)))
  const ends = [0, ...[...cuts, cuts[0]].sort((a, b) => a - b), units]
  return shuffled(
    ends.slice(1).map((end, i) => [ends[i], end] as const),
    random,
  )
}

/** What is wrong with a kernel on a trial; `wrote` is whether it wrote at all. */
export function checkTrial(kernel: string, trial: Trial, random: () => number, rounds = 3): { wrong: string[]; wrote: boolean } {
  const { units, writes } = trial
  const initial = contents(writes)
  const call = (begin: number, end: number) => {
    trial.run(begin, end)
    checkAllZones(kernel)
  }
  call(0, units)
  const whole = contents(writes)
  const wrong: string[] = []
  for (let round = 0; round < rounds; round++) {
    const cut = pieces(units, random)
    restore(writes, initial)
    for (const [begin, end] of cut) call(begin, end)
    const together = contents(writes)
    const cutAs = cut.map(([begin, end]) => `[${begin}, ${end})`).join(' ')
    writes.forEach((block, i) => {
      const [place] = differences(block, whole[i], together[i])
      if (place !== undefined) wrong.push(`${kernel}, ${trial.name}: the pieces ${cutAs} give other bits at ${place}`)
    })
    if (round === 0 && !trial.rewrites) wrong.push(...overlaps(trial, cut, initial, call).map(text => `${kernel}, ${trial.name}: ${text}`))
  }
  restore(writes, initial)
  return { wrong: wrong.slice(0, 3), wrote: writes.some((block, i) => differences(block, initial[i], whole[i]).length > 0) }
}

/** Pieces that write the same place, each run alone on the initial contents, and empty ones that write at all. */
function overlaps(
  { writes }: Trial,
  cut: readonly (readonly [number, number])[],
  initial: readonly Uint8Array[],
  call: (begin: number, end: number) => void,
): string[] {
  const writer = writes.map(() => new Map<number, string>())
  return cut.flatMap(([begin, end]) => {
    restore(writes, initial)
    call(begin, end)
    const after = contents(writes)
    const piece = `[${begin}, ${end})`
    const found = writes.flatMap((block, i) =>
      differences(block, initial[i], after[i]).flatMap(place => {
        const other = writer[i].get(place)
        writer[i].set(place, piece)
        if (begin === end) return [`the empty range ${piece} writes at ${place}`]
        return other ? [`${piece} writes at ${place}, where ${other} does`] : []
      }),
    )
    return found.slice(0, 1)
  })
}
