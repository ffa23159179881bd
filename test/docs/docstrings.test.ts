import * as fluxtape from 'fluxtape'
import * as datasets from 'fluxtape/datasets'
import { init } from 'fluxtape/edge'
import * as distributed from 'fluxtape/mpi'
import { wide } from 'fluxtape/wide'
import * as worker from 'fluxtape/worker'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { publicExamples } from '../../tools/exports.mjs'
import { check, withChecks } from './stated.ts'

/** Every `@example` of a public docstring runs as it stands, with all exports in scope, and gives the values that its comments state. */
const scope: Record<string, unknown> = { ...fluxtape, ...datasets, ...worker, ...distributed, wide, init, check }
const examples = publicExamples().flatMap(({ name, place, examples }) => examples.map(code => ({ name, place, code })))
const Run = Object.getPrototypeOf(async () => {}).constructor as new (...source: string[]) => (...values: unknown[]) => Promise<void>
const deterministic = fluxtape.variant() === 'baseline'

afterEach(async () => {
  vi.restoreAllMocks()
  await fluxtape.configure({ deterministic })
})

describe('the examples of the docstrings', () => {
  it('are there', () => expect(examples.length).toBeGreaterThan(100))

  it.each(examples)('$name, $place', async ({ code }) => {
    vi.spyOn(console, 'log').mockImplementation(() => {})
    await new Run(...Object.keys(scope), withChecks(code))(...Object.values(scope))
  })
})
