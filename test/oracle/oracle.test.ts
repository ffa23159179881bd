import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import * as fluxtape from 'fluxtape'
import { afterAll, describe, expect, it } from 'vitest'
import { attention } from '../../src/ops/attention.ts'
import { asking, unfused } from '../internal/unfused.ts'
import { largestErrors } from './errors.ts'
import { type Case, files, isLacking, loadCases, runCase } from './oracle.ts'

/** What is exported, and attention, which layers are made of. */
const library: Readonly<Record<string, unknown>> = { ...fluxtape, attention }
/** What docs/reference/names.md says: of each operation the largest error of its value, and of its gradient. `npm run reference` measures anew. */
const stated: Readonly<Record<string, readonly [value: number, gradient?: number]>> = JSON.parse(
  readFileSync(new URL('./errors.json', import.meta.url), 'utf8'),
)
const measured = process.env.FLUXTAPE_ERRORS
/** Composed forms are made of operations that have rows of their own: of them one variant is enough by day. */
const composes = fluxtape.variant() === 'relaxed' || measured !== undefined || process.env.FLUXTAPE_NIGHTLY !== undefined

afterAll(() => {
  if (!measured) return
  mkdirSync(measured, { recursive: true })
  writeFileSync(`${measured}/${fluxtape.variant()}.json`, JSON.stringify([...largestErrors]))
})

function byOperation(cases: readonly Case[]): Map<string, Case[]> {
  const groups = new Map<string, Case[]>()
  for (const each of cases) groups.set(each.op, [...(groups.get(each.op) ?? []), each])
  return groups
}

describe.each(files)('%s as PyTorch has it', file => {
  for (const [op, cases] of byOperation(loadCases(file))) {
    it.skipIf(cases.every(each => isLacking(library, each)))(op, () => {
      const wrong = cases.flatMap(each => {
        const found = () => fluxtape.scope(() => [...runCase(library, each)])
        const [first, mayDiffer] = asking(found)
        return mayDiffer && composes ? [...first, ...unfused(found).map(problem => `unfused: ${problem}`)] : first
      })
      const shown = wrong.slice(0, 20).join('\n')
      expect(wrong.length, `${wrong.length} differences in ${cases.length} cases\n${shown}\n`).toBe(0)
      if (measured) return
      const { value, gradient = 0 } = largestErrors.get(op) ?? { value: 0 }
      const [ofValue, ofGradient = 0] = stated[op] ?? []
      const holds = ofValue !== undefined && value <= ofValue * 1.25 && gradient <= ofGradient * 1.25
      expect(holds, `errors of ${value} and ${gradient}, where docs/reference/names.md says other: npm run reference`).toBe(true)
    })
  }
})
