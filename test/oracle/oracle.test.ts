import * as fluxtape from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { unfused } from '../internal/unfused.ts'
import { type Case, files, isLacking, loadCases, runCase } from './oracle.ts'

const library: Readonly<Record<string, unknown>> = { ...fluxtape }

function byOperation(cases: readonly Case[]): Map<string, Case[]> {
  const groups = new Map<string, Case[]>()
  for (const each of cases) groups.set(each.op, [...(groups.get(each.op) ?? []), each])
  return groups
}

describe.each(files)('%s as PyTorch has it', file => {
  for (const [op, cases] of byOperation(loadCases(file))) {
    it.skipIf(cases.every(each => isLacking(library, each)))(op, () => {
      const found = () => cases.flatMap(each => fluxtape.scope(() => [...runCase(library, each)]))
      const wrong = [...found(), ...unfused(found).map(each => `unfused: ${each}`)]
      const shown = wrong.slice(0, 20).join('\n')
      expect(wrong.length, `${wrong.length} differences in ${cases.length} cases\n${shown}\n`).toBe(0)
    })
  }
})
