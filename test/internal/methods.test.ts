// What stands on a tensor: the operations that the package exports and the class's own members, and nothing else of the library.
import { readdirSync } from 'node:fs'
import * as fluxtape from 'fluxtape'
import { type Tensor, tensor } from 'fluxtape'
import { expect, test } from 'vitest'

const library: Readonly<Record<string, unknown>> = { ...fluxtape }
const described = Object.entries(Object.getOwnPropertyDescriptors(fluxtape.Tensor.prototype))

const documented = ['data', 'dispose', 'item', 'toArray', 'toJSON', 'toString', 'view']
/** Marked @internal or private in the class. */
const internal = [
  'alias',
  'check',
  'constructor',
  'endScratch',
  'escape',
  'moveTo',
  'register',
  'settle',
  'settleWaiting',
  'startWrite',
  'unlink',
]
/** Exported operations that take no tensor first, and what is half of a layer. */
const noMethods = ['concat', 'einsum', 'linear', 'rotary', 'stack']

test('methods are the exported operations and what the class documents', async () => {
  const methods = described.flatMap(([name, { value }]) => (typeof value === 'function' && !internal.includes(name) ? [name] : []))
  const operations = new Set<string>()
  const folder = new URL('../../src/ops/', import.meta.url)
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue
    const members: Readonly<Record<string, unknown>> = await import(new URL(file, folder).pathname)
    for (const name of Object.keys(members))
      if (typeof library[name] === 'function' && library[name] === members[name]) operations.add(name)
  }
  const wanted = [...documented, ...operations].filter(name => !noMethods.includes(name))
  expect(wanted.length).toBeGreaterThan(98)
  expect(methods.sort()).toEqual(wanted.sort())
})

test('a method is its function', () => {
  const x = tensor([3, -1, 2, 0.25])
  const methods = x as unknown as Readonly<Record<string, () => Tensor>>
  for (const name of ['neg', 'relu', 'elu', 'softshrink', 'glu', 'sum', 'softmax', 'flatten']) {
    expect(methods[name]().toArray()).toEqual((library[name] as (x: Tensor) => Tensor)(x).toArray())
  }
})
