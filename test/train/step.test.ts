import { Adam, Chain, Dense, Descent, gradient, memory, params, setup, skip, type Tensor, tensor, trainStep, update } from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { bits, noted, problem, x, y } from './problem.ts'

describe('trainStep', () => {
  it('is one step and returns the loss before it', () => {
    const [ours, theirs] = [problem(), problem()]
    const value = trainStep(ours.loss, ours.ps, [x, y], Descent(0.05))
    expect(value).toBe(theirs.loss(x, y).item())
    update(
      Descent(0.05),
      theirs.ps,
      gradient(() => theirs.loss(x, y), theirs.ps),
    )
    expect(bits(ours.model)).toEqual(bits(theirs.model))
  })

  it('spreads an array into the arguments, and passes the model first in the explicit form', () => {
    const { model, explicit } = problem()
    const seen: unknown[][] = []
    const state = setup(Descent(0.01), model)
    trainStep((...args: Parameters<typeof explicit>) => noted(seen, args, explicit(...args)), model, [x, y], state)
    trainStep(
      (...args: [typeof model, { x: Tensor; y: Tensor }]) => noted(seen, args, explicit(args[0], args[1].x, args[1].y)),
      model,
      { x, y },
      state,
    )
    expect(seen).toEqual([
      [model, x, y],
      [model, { x, y }],
    ])
    expect(state.optimizer.steps).toBe(2)
  })

  it('makes no update where the loss says skip', () => {
    const { model, ps } = problem()
    const opt = Adam()
    const before = bits(model)
    expect(trainStep(() => skip, ps, [x, y], opt)).toBeNaN()
    expect([bits(model), opt.steps]).toEqual([before, 0])
  })

  it('names itself where the styles are mixed', () => {
    const { model, ps, loss, explicit } = problem()
    expect(() => trainStep(explicit, model, [x, y], Adam() as never)).toThrow(
      /^trainStep: a model goes with the state of an optimizer: a rule came\./,
    )
    expect(() => trainStep(loss, ps, [x, y], setup(Adam(), model) as never)).toThrow(/^trainStep: a Params goes with an optimizer/)
  })

  it('refuses a loss that returns a promise, and frees what it made', () => {
    const { ps, loss } = problem()
    const before = memory().tensors
    expect(() => trainStep((async () => loss(x, y)) as never, ps, [x, y], Adam())).toThrow(TypeError)
    expect(memory().tensors).toBe(before)
  })

  it('trains a chain of its own in place', () => {
    const model = Chain(Dense(1, 1))
    const ps = params(model)
    const opt = Descent(0.1)
    const values = Array.from({ length: 200 }, () =>
      trainStep((a: Tensor, b: Tensor) => model(a).sub(b).square().mean(), ps, [tensor([[0], [1]]), tensor([[1], [3]])], opt),
    )
    expect(values.at(-1)).toBeLessThan(1e-6)
  })
})
