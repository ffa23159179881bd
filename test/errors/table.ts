import { Dense, Descent, memory, mse, params, scope, type Tensor, tensor, trainStep } from 'fluxtape'
import { expect, test } from 'vitest'
import { rejected, thrown } from './thrown.ts'

/** A bad call, and the whole of what it throws. */
export type Row = readonly [title: string, call: () => unknown, text: string]

/** The library works: a step of a small model gives the numbers that it must. */
export function expectToTrain(): void {
  scope(() => {
    const model = Dense(tensor([[1]]), tensor([0]))
    const loss = trainStep((x: Tensor, y: Tensor) => mse(model(x), y), params(model), [tensor([[2]]), tensor([[0]])], Descent(0.125))
    expect(loss).toBe(4)
    expect(model.weight.toArray()).toEqual([[0]])
    expect(model.bias?.toArray()).toEqual([-0.5])
  })
}

/** One test a row: the text whole, nothing left in memory that a scope would free, and the library goes on. */
export function refuses(rows: readonly Row[]): void {
  test.each(rows)('%s', (_, call, text) => {
    const before = memory()
    scope(() => expect(thrown(call)).toBe(text))
    expect(memory()).toMatchObject({ bytes: before.bytes, tensors: before.tensors })
    expectToTrain()
  })
}

/** The same of promises. */
export function rejects(rows: readonly (readonly [title: string, call: () => PromiseLike<unknown>, text: string])[]): void {
  test.each(rows)('%s', async (_, call, text) => {
    expect(await rejected(call)).toBe(text)
    expectToTrain()
  })
}
