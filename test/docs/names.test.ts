// Every public name is in tools/names.json: by page of docs/reference, with the turn in which it comes, and what it is called in Flux and PyTorch.
// That each is held to values from elsewhere, test/internal/coverage.test.ts says; that each has a docstring, tools/check-docs.mjs.
import { readFileSync } from 'node:fs'
import * as fluxtape from 'fluxtape'
import * as datasets from 'fluxtape/datasets'
import * as edge from 'fluxtape/edge'
import * as distributed from 'fluxtape/mpi'
import * as wide from 'fluxtape/wide'
import * as worker from 'fluxtape/worker'
import { describe, expect, it } from 'vitest'
import { ENTRIES, specifier } from '../../tools/entries.mjs'

interface Table {
  /** Whose names have to be there, but for those that are `pending`. */
  readonly turns: readonly string[]
  readonly pending: readonly string[]
  readonly entries: Readonly<Record<string, string>>
  readonly names: Readonly<Record<string, Readonly<Record<string, readonly [turn: string, flux: string, torch: string]>>>>
}

const text = readFileSync('tools/names.json', 'utf8')
const { turns, pending, entries, names }: Table = JSON.parse(text)
const pages = Object.entries(names)
const all = pages.flatMap(([, rows]) => Object.entries(rows).map(([name, [turn]]) => ({ name, turn })))
const library: Readonly<Record<string, unknown>> = { ...edge, ...datasets, ...worker, ...distributed, ...wide, ...fluxtape }

/** A function, or a member of a class: `Params.has`. */
function isThere(name: string): boolean {
  const [owner, member] = name.split('.')
  const found = library[owner]
  return member === undefined ? found !== undefined : typeof found === 'function' && member in found.prototype
}

describe('the table of public names', () => {
  it('has each once', () => {
    expect(all.length).toBeGreaterThan(300)
    expect(all.filter(({ name }, i) => all.findIndex(each => each.name === name) !== i)).toEqual([])
    // Of a key that stands there twice, the first is lost in silence.
    expect(text.split('":').length, 'keys').toBe(JSON.stringify(JSON.parse(text)).split('":').length)
  })

  it('has all that is exported', () => {
    const known = new Set(all.map(({ name }) => name))
    expect(Object.keys(library).filter(name => !known.has(name))).toEqual([])
  })

  it('has all exported whose turn has come', () => {
    expect(all.filter(({ name, turn }) => turns.includes(turn) && !pending.includes(name) && !isThere(name))).toEqual([])
    expect(Object.keys(entries).filter(name => turns.includes(entries[name]))).toEqual(
      ENTRIES.filter(({ library }) => library !== 'edge.js')
        .map(specifier)
        .sort(),
    )
  })

  it('has all that is there on its page of the reference', () => {
    for (const [page, rows] of pages) {
      const headings = new Set(readFileSync(`docs/reference/${page}.md`, 'utf8').match(/^## .+$/gm))
      expect(Object.keys(rows).filter(name => !name.includes('.') && isThere(name) && !headings.has(`## ${name}`))).toEqual([])
    }
  })

  it('calls nothing pending that is there: `npm run reference` shortens the list', () => {
    expect(pending.filter(isThere)).toEqual([])
    expect(pending.filter(name => !all.some(each => each.name === name && turns.includes(each.turn)))).toEqual([])
    expect(all.filter(({ name, turn }) => !turns.includes(turn) && isThere(name))).toEqual([])
  })
})
