import {
  Adam,
  Chain,
  ClipGlobalNorm,
  DataLoader,
  Dense,
  gradient,
  jit,
  logitCrossEntropy,
  Momentum,
  memory,
  type Optimizer,
  OptimizerChain,
  ones,
  optimizerState,
  params,
  pullback,
  rand,
  relu,
  scope,
  type Tensor,
  tensor,
  trainStep,
  zeros,
} from 'fluxtape'
import { describe, expect, test } from 'vitest'
import { isRecording, isTracked } from '../../src/tape/level.ts'
import { inScope } from '../../src/tensor/scope.ts'
import { collected } from './collected.ts'

const model = Chain(Dense(3, 4, relu), Dense(4, 2))
const x = rand([5, 3])
const classes = tensor(new Int32Array([0, 1, 0, 1, 1]))
const loss = () => logitCrossEntropy(model(x), classes)
const replayed = jit(loss)
const optimizer = Adam(0)
const ps = params(model)
const chain = OptimizerChain(ClipGlobalNorm(1), Momentum(0), Adam(0))
const square = rand([9, 9])
const loader = new DataLoader([x, classes], { batchSize: 2 })

/** What opens scopes and levels, each as the outermost. */
const actions: Record<string, () => unknown> = {
  scope: () =>
    scope(() =>
      scope(() => ones([3]).add(1))
        .sum()
        .item(),
    ),
  'a composed operation': () => x.variance(),
  'a layer': () => model(x),
  'a product of a transposition that is read': () => square.matmul(square.transpose().add(0)),
  'a product of a transposition': () => square.transpose().matmul(square),
  gradient: () => gradient(loss, params(model)),
  'a gradient in a gradient': () => gradient((y: Tensor) => gradient((z: Tensor) => z.mul(z).mul(y).sum(), y)[0].sum(), tensor([1, 2])),
  pullback: () => {
    const [, back] = pullback((y: Tensor) => y.exp().mul(y), x)
    back(zeros([5, 3]))
    back.dispose()
  },
  trainStep: () => trainStep(loss, params(model), [], optimizer),
  'a step of a chain': () => trainStep(loss, ps, [], chain),
  'a captured step': () => trainStep(jit(loss), params(model), [], optimizer),
  'a replayed step': () => trainStep(replayed, params(model), [], optimizer),
  'a DataLoader': () => {
    for (const [a] of loader) if (a.shape[0] === 0) return
  },
}

/**
 * Fills the stack, and calls `attempt` at the end of it; then with a frame less on the stack, and so on until it has come through `enough` times.
 */
function atTheEnd(attempt: () => boolean, enough = 5): void {
  let successes = 0
  const descend = (): number => {
    try {
      descend()
    } catch {
      // There was no room for a frame more.
    }
    if (successes < enough && attempt()) successes++
    return successes
  }
  descend()
}

/** How many steps the slots have counted: all of them as many. */
function countsOf(opt: Optimizer): unknown[] {
  const counts = [...optimizerState(opt, ps)].filter(([path]) => path.endsWith('.t')).map(([, t]) => t)
  return counts.length > 0 ? [...new Set(counts)] : [0]
}

/** The same with another `room` on the stack. */
function narrowed(room: number, f: () => unknown): unknown {
  const call = (..._: number[]): unknown => f()
  return call(...new Array<number>(room).fill(0))
}

describe('an overflow of the stack, wherever it comes', () => {
  test.each(Object.entries(actions))('leaves nothing open and nothing behind: %s', async (_, action) => {
    for (let i = 0; i < 3; i++) action()
    await collected()
    const before = memory()
    let failures = 0
    for (let room = 0; room < 16; room += 4) {
      atTheEnd(() => {
        try {
          narrowed(room, action)
          return true
        } catch {
          failures++
          return false
        }
      })
      expect([inScope(), isTracked(x), isRecording()]).toEqual([false, false, false])
      for (const each of [optimizer, chain]) expect(countsOf(each)).toEqual([each.steps])
    }
    expect(failures).toBeGreaterThan(20)
    // What was cut off is freed by the next scope.
    scope(() => {})
    await collected()
    expect(memory()).toMatchObject({ bytes: before.bytes, tensors: before.tensors })
    expect(trainStep(loss, params(model), [], optimizer)).toBeGreaterThan(0)
  })
})
