// Which runs have other bits: whole ones than docs/bits.md publishes, short ones than the first steps of a whole one.
import { expect, it } from 'vitest'
import { deviants, published } from './hashes.mjs'

const [[model, hash]] = published()
const run = (at: string, steps: number[], hash?: string) => ({ at, model, threads: 4, steps, ...(hash && { hash }) })
const whole = run('whole', [1, 2, 3], hash)

it.each([
  ['all agree', [whole, run('short', [1, 2])], []],
  ['a whole run has another hash', [whole, run('other', [1, 2, 4], 'abc')], ['other']],
  ['a short run parts from the whole one', [whole, run('short', [1, 2]), run('other', [1, 3])], ['other']],
  ['there is no whole run', [run('short', [1, 2])], ['short']],
])('deviants where %s', (_, runs, expected) => {
  expect([...deviants(runs).values()].flat().map(({ at }) => at)).toEqual(expected)
})
