// Every pullback of the library, and what does its work in part, gets a wrong sign, one at a time, and the gradient rows that use it must notice.
import { add, neg, onesLike, type Tensor } from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { type Entry, operations } from '../../src/tape/operation.ts'
import { checkRow, type Row } from '../gradients/check.ts'
import { rows } from '../gradients/rows.ts'

/** Pullbacks that are 0 everywhere, which has no sign: they get a slope of 1 instead. */
const flat = new Set([
  'sign input 0',
  'floor input 0',
  'ceil input 0',
  'round input 0',
  'gate input 1',
  'leakyreluGradient input 1',
  'relu6Gradient input 1',
  'hardtanhGradient input 1',
])

/** The input that a cotangent is for. A number as the left operand leaves the right one at place 0. */
function placeOf(index: number, options: unknown): string {
  const left = (options as { readonly x?: unknown } | undefined)?.x
  return typeof left === 'number' ? 'the right of a number' : `input ${index}`
}

/** What becomes of a cotangent, by the place where it was computed: '<operation> <place>'. */
type Change = (name: string, cotangent: Tensor) => Tensor

/** Runs `f` while the cotangents of all pullbacks, of `through` where it does something, and of `accumulate` go through `change`. */
function changed<T>(entries: Iterable<Entry>, change: Change, f: () => T): T {
  const restore = [...entries].map(entry => {
    const { name, pull, joint, through, accumulate } = entry
    if (pull) entry.pull = (index, g, saved, options) => change(`${name} ${placeOf(index, options)}`, pull(index, g, saved, options))
    if (joint)
      entry.joint = (gs, saved, options, wanted) =>
        joint(gs, saved, options, wanted).map((part, i) => part && change(`${name} input ${i}`, part))
    if (through)
      entry.through = (g, saved, options) => {
        const passed = through(g, saved, options)
        return passed === g ? g : change(`${name} through`, passed)
      }
    if (accumulate) entry.accumulate = (sum, g, saved, options) => accumulate(sum, change(`${name} accumulate`, g), saved, options)
    return () => Object.assign(entry, { pull, joint, through, accumulate })
  })
  try {
    return f()
  } finally {
    for (const undo of restore) undo()
  }
}

/** What a wrong pullback returns. */
const wrong = (name: string, cotangent: Tensor): Tensor => (flat.has(name) ? add(cotangent, onesLike(cotangent)) : neg(cotangent))

/** Rows by the places at which they compute a cotangent. */
const usersOf = new Map<string, Row[]>()
for (const row of rows) {
  const used = new Set<string>()
  const note: Change = (name, cotangent) => {
    used.add(name)
    return cotangent
  }
  changed(operations.values(), note, () => checkRow(row))
  for (const name of used) usersOf.set(name, [...(usersOf.get(name) ?? []), row])
}

/** The places at which an operation computes a cotangent; one pullback for all inputs counts as two, a joint one as the first place that is used. */
function placesOf(entry: Entry): string[] {
  const indices = Array.from({ length: 16 }, (_, i) => i).filter(i => entry.differentiable(i))
  const others = (['through', 'accumulate'] as const).filter(name => entry[name])
  const isUsed = (index: number) => usersOf.has(`${entry.name} ${placeOf(index, undefined)}`)
  const most = indices.length < 16 ? indices : entry.joint ? [indices.find(isUsed) ?? 0] : indices.slice(0, 2)
  return [...most.map(index => placeOf(index, undefined)), ...others]
}

const expected = [...operations.values()].flatMap(entry => placesOf(entry).map(place => `${entry.name} ${place}`))

/** Does a row fail? The operation's own rows are asked first. */
function caught(name: string): Row | undefined {
  const [operation] = name.split(' ')
  const users = usersOf.get(name) ?? []
  const flip: Change = (each, cotangent) => (each === name ? wrong(name, cotangent) : cotangent)
  const entry = operations.get(operation)
  const ordered = [...users.filter(({ op }) => op === operation), ...users.filter(({ op }) => op !== operation)]
  return entry && ordered.find(row => changed([entry], flip, () => checkRow(row)).length > 0)
}

describe('a wrong sign of a cotangent', () => {
  it('can be put into every one: each is used by a row', () => {
    expect(expected.length).toBeGreaterThan(60)
    expect(expected.filter(name => !usersOf.has(name))).toEqual([])
  })

  it.each([...new Set([...expected, ...usersOf.keys()])].sort())('%s is noticed', name => {
    const row = caught(name)
    expect(row).toBeDefined()
    expect(row && checkRow(row)).toEqual([])
  })
})

describe('the harness', () => {
  const parts = () => [...operations.values()].map(({ pull, joint, through, accumulate }) => [pull, joint, through, accumulate])

  it('changes nothing when it is done', () => {
    const before = parts()
    caught('mul input 0')
    caught('topK input 0')
    caught('slice accumulate')
    expect(parts()).toEqual(before)
  })

  it('notices nothing where a pullback stays as it is', () => {
    const same: Change = (_, cotangent) => cotangent
    const users = usersOf.get('mul input 1') ?? []
    expect(users.length).toBeGreaterThan(0)
    for (const row of users.slice(0, 10)) expect(changed(operations.values(), same, () => checkRow(row))).toEqual([])
  })

  it('knows which pullbacks are flat', () => {
    expect([...flat].filter(name => !expected.includes(name))).toEqual([])
  })
})
