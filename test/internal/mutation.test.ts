// Every pullback of the library gets a wrong sign, one at a time, and the gradient rows that use it must notice.
import { add, neg, onesLike, type Tensor } from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { type Entry, operations } from '../../src/tape/operation.ts'
import { checkRow, type Row } from '../gradients/check.ts'
import { rows } from '../gradients/rows.ts'

type Pull = Entry['pull']

/** Pullbacks that are 0 everywhere, which has no sign: they get a slope of 1 instead. */
const flat = new Set(['sign input 0', 'floor input 0', 'ceil input 0', 'round input 0', 'gate input 1'])

/** The input that a cotangent is for. A number as the left operand leaves the right one at place 0. */
function placeOf(index: number, options: unknown): string {
  const left = (options as { readonly x?: unknown } | undefined)?.x
  return typeof left === 'number' ? 'the right of a number' : `input ${index}`
}

/** Runs `f` while pullbacks run through `change`. */
function changed<T>(entries: Iterable<Entry>, change: (entry: Entry, pull: Pull) => Pull, f: () => T): T {
  const restore = [...entries].map(entry => {
    const { pull } = entry
    entry.pull = change(entry, pull)
    return () => {
      entry.pull = pull
    }
  })
  try {
    return f()
  } finally {
    for (const undo of restore) undo()
  }
}

/** What a wrong pullback returns. */
const wrong = (name: string, cotangent: Tensor): Tensor => (flat.has(name) ? add(cotangent, onesLike(cotangent)) : neg(cotangent))

/** Rows by the pullbacks that they call: '<operation> <place>'. */
const usersOf = new Map<string, Row[]>()
for (const row of rows) {
  const used = new Set<string>()
  const note =
    (entry: Entry, pull: Pull): Pull =>
    (index, g, saved, options) => {
      used.add(`${entry.name} ${placeOf(index, options)}`)
      return pull(index, g, saved, options)
    }
  changed(operations.values(), note, () => checkRow(row))
  for (const name of used) usersOf.set(name, [...(usersOf.get(name) ?? []), row])
}

/** The places at which an operation has a pullback; one for all inputs counts as two. */
function placesOf(entry: Entry): string[] {
  const indices = Array.from({ length: 16 }, (_, i) => i).filter(i => entry.differentiable(i))
  return indices.slice(0, indices.length === 16 ? 2 : 16).map(index => placeOf(index, undefined))
}

const expected = [...operations.values()].flatMap(entry => placesOf(entry).map(place => `${entry.name} ${place}`))

/** Does a row fail? The operation's own rows are asked first. */
function caught(name: string): Row | undefined {
  const [operation] = name.split(' ')
  const users = usersOf.get(name) ?? []
  const flip =
    (entry: Entry, pull: Pull): Pull =>
    (index, g, saved, options) => {
      const cotangent = pull(index, g, saved, options)
      return `${entry.name} ${placeOf(index, options)}` === name ? wrong(name, cotangent) : cotangent
    }
  const entry = operations.get(operation)
  const ordered = [...users.filter(({ op }) => op === operation), ...users.filter(({ op }) => op !== operation)]
  return entry && ordered.find(row => changed([entry], flip, () => checkRow(row)).length > 0)
}

describe('a wrong sign in a pullback', () => {
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
  it('changes nothing when it is done', () => {
    const before = [...operations.values()].map(({ pull }) => pull)
    caught('mul input 0')
    expect([...operations.values()].map(({ pull }) => pull)).toEqual(before)
  })

  it('notices nothing where a pullback stays as it is', () => {
    const same =
      (_: Entry, pull: Pull): Pull =>
      (...args) =>
        pull(...args)
    const users = usersOf.get('mul input 1') ?? []
    expect(users.length).toBeGreaterThan(0)
    for (const row of users.slice(0, 10)) expect(changed(operations.values(), same, () => checkRow(row))).toEqual([])
  })

  it('knows which pullbacks are flat', () => {
    expect([...flat].filter(name => !expected.includes(name))).toEqual([])
  })
})
