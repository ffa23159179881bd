import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { EXPORTS, SOURCES, specifier } from '../../tools/entries.mjs'

const read = (file: string) => JSON.parse(readFileSync(file, 'utf8'))

test('package.json exports the entries', () => {
  expect(read('package.json').exports).toEqual(EXPORTS)
})

test('tsconfig.json finds them', () => {
  expect(read('tsconfig.json').compilerOptions.paths).toEqual(
    Object.fromEntries(SOURCES.map(entry => [specifier(entry), [`./${entry.source}`]])),
  )
})
