import { Chain, Conv, Dense, freeze, ones, Scale, zeros } from 'fluxtape'
import { expect, it } from 'vitest'

it('a layer of a chain is not assigned: another chain is made', () => {
  const model = Chain({ body: Dense(4, 3), head: Dense(3, 2) })
  const message = /^Chain: layer (head|1) cannot be assigned\. Make another one/
  expect(() => Object.assign(model, { head: Dense(3, 5) })).toThrow(message)
  expect(() => Object.assign(model, { 1: Dense(3, 5) })).toThrow(message)
  expect(model.head.weight.shape).toEqual([2, 3])
})

it('a Dense behind images says what lies between', () => {
  expect(() => Chain(Dense(12, 2))(zeros([5, 3, 2, 2]))).toThrow('Put flatten before it: Chain(flatten, Dense(...)).')
})

it('a Scale with axes of 1 serves any size', () => {
  const scale = Scale(3, 1, 1)
  expect(scale(ones([2, 3, 4, 5])).shape).toEqual([2, 3, 4, 5])
  expect(() => scale(ones([2, 4, 4, 5]))).toThrow('Scale: the last axes of x are those of the scale, or that has 1')
})

it('what is frozen is not counted among the trainable', () => {
  const model = Chain(Conv([3, 3], 1, 4), Dense(4, 2))
  freeze(model[0])
  expect(String(model)).toContain('Total: 2 trainable arrays, 10 parameters,')
  expect(String(model)).toContain('plus 2 non-trainable, 40 parameters')
})
