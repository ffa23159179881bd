// Results that lie where an operand did: kernels marked @over give the same bits there, and a replayed step makes use of it.
import { readFileSync } from 'node:fs'
import { Descent, jit, params, type Tensor, tensor, trainStep } from 'fluxtape'
import { afterAll, describe, expect, it, test } from 'vitest'
import type { Address } from '../../src/wasm/kinds.ts'
import { f32, i32, SCRATCH, u8 } from '../../src/wasm/memory.ts'
import { wasm } from '../../src/wasm/module.ts'
import { heard } from '../../src/wasm/pool.ts'
import { parametersOf } from '../../src/wasm/traits.generated.ts'
import { Arena, type Block } from './kernel-trials.ts'

const names = readFileSync(new URL('../../src/wasm/kernels.generated.ts', import.meta.url), 'utf8')
  .split('export function ')
  .filter(text => /^ {2}fork(Of)?\(\d/m.test(text))
  .map(text => /^\w+/.exec(text)?.[0] ?? '')
const marked = [...parametersOf.keys()].filter(id => parametersOf[id].includes('o'))
const tried: string[] = []
const arena = new Arena(3)
const D = SCRATCH.descriptor

/** What `run` leaves in a place of its own, and what where each operand lies; in two parts, the later one first. */
function expectSameOver(
  units: number,
  operands: readonly Block[],
  out: Block,
  run: (out: Address, begin: number, end: number) => void,
): void {
  const resultAt = ({ pointer }: Block) => {
    const cut = Math.floor(units / 3)
    run(pointer, cut, units)
    run(pointer, 0, cut)
    return u8.slice(pointer, pointer + out.bytes)
  }
  const expected = resultAt(out)
  for (const operand of operands) {
    const before = u8.slice(operand.pointer, operand.pointer + operand.bytes)
    expect(resultAt(operand)).toEqual(expected)
    u8.set(before, operand.pointer)
  }
}

describe('the same bits where an operand lies', () => {
  it.each(marked.filter(id => /^p+of*l?$|^p+op+$/.test(parametersOf[id])).map(id => [names[id], id] as const))('%s', (name, id) => {
    tried.push(name)
    const types = parametersOf[id]
    for (const n of [1, 3, 4, 7, 8, 31, 64]) {
      const blocks = [...types].map(() => arena.floats(n, { odd: n === 31 }))
      const at = types.indexOf('o')
      expectSameOver(n, blocks.slice(0, at), blocks[at], (out, begin, end) => {
        for (const [i, type] of [...types].entries()) {
          if (type === 'f') f32[D / 4 + i] = 0.75
          else i32[D / 4 + i] = type === 'o' ? out : type === 'p' ? blocks[i].pointer : 0
        }
        wasm.run(id, D, begin, end)
      })
      arena.free()
    }
  })

  afterAll(() => expect(new Set(tried)).toEqual(new Set(marked.map(id => names[id]))))
})

test('in a replayed step a result lies where its operand ends, and nowhere else', () => {
  const train = (wrap: (loss: () => Tensor) => () => Tensor) => {
    const w = tensor(Float32Array.from({ length: 300 }, (_, i) => i % 100))
    const loss = wrap(() => w.neg().exp().exp().exp().exp().sum())
    const step = () => trainStep(loss, params(w), [], Descent(1e-3))
    const losses = [1, 2, 3, 4].map(step)
    const over: [string, boolean][] = []
    const hear = (kernel: number, _: number, __: number, at: number) => {
      const types = parametersOf[kernel]
      const out = i32[at / 4 + types.indexOf('o')]
      const operands = i32.slice(at / 4, at / 4 + types.indexOf('o'))
      if (types.includes('o')) over.push([names[kernel], operands.includes(out)])
    }
    losses.push(heard(hear, step))
    return { result: [...losses, w.toArray()], over }
  }
  const [replayed, plain] = [train(jit), train(loss => loss)]
  expect(replayed.result).toEqual(plain.result)
  expect(plain.over.filter(([, isOver]) => isOver)).toEqual([])
  // Nobody reads the negative again, nor a cotangent, of which the first is from a kernel that is not marked; powers are.
  const [exp, mul]: [string, boolean][] = [
    ['exp', false],
    ['mul', true],
  ]
  expect(replayed.over).toEqual([['neg', false], ['exp', true], exp, exp, exp, mul, mul, mul, mul, ['neg', true]])
})
