import { DTypeError, oneCold, oneHot, ShapeError, tensor, zeros } from 'fluxtape'
import { describe, expect, it } from 'vitest'

const int32 = (values: number[]) => tensor(values, undefined, { dtype: 'int32' })

describe('oneHot', () => {
  it('gives a row that is true at the class, counted from 0', () => {
    const y = oneHot(int32([2, 0]), 3)
    expect([y.dtype, y.toArray()]).toEqual([
      'bool',
      [
        [false, false, true],
        [true, false, false],
      ],
    ])
    expect(oneHot([1, 0], 2).toArray()).toEqual([
      [false, true],
      [true, false],
    ])
  })

  it('has one class more than the largest where their number is left out', () => {
    expect(oneHot(int32([0, 3])).shape).toEqual([2, 4])
    expect(oneHot([]).shape).toEqual([0, 0])
  })

  it('takes any shape of whole numbers', () => {
    expect(oneHot(int32([0, 1, 2, 0]).reshape([2, 2]), 3).shape).toEqual([2, 2, 3])
    expect(oneHot(tensor(1, undefined, { dtype: 'int32' }), 2).toArray()).toEqual([false, true])
    expect(oneHot(tensor([1, 0]), 2).toArray()).toEqual(oneHot(tensor(new Uint8Array([1, 0])), 2).toArray())
  })

  it.each([
    [[0, 3], 'oneHot: index 3 at place 1 is out of range: indices go from 0 to 2.'],
    [[-1, 0], 'oneHot: index -1 at place 0 is out of range: indices go from 0 to 2.'],
  ])('refuses %j of 3 classes', (classes, message) => {
    expect(() => oneHot(int32(classes), 3)).toThrow(new RangeError(message))
    expect(() => oneHot(classes, 3)).toThrow(new RangeError(message))
  })

  it('refuses fractions and booleans', () => {
    expect(() => oneHot(tensor([0.5]), 2)).toThrow(RangeError)
    expect(() => oneHot(tensor([true]), 2)).toThrow(DTypeError)
  })
})

describe('oneCold', () => {
  it('undoes oneHot', () => {
    const classes = int32([2, 0, 1, 2])
    expect(oneCold(oneHot(classes, 3)).toArray()).toEqual(classes.toArray())
    expect(oneCold(oneHot(classes, 3)).dtype).toBe('int32')
  })

  it('takes the first of the largest along an axis', () => {
    const y = tensor([
      [1, 5, 5],
      [9, 2, 9],
    ])
    expect(oneCold(y).toArray()).toEqual([1, 0])
    expect(oneCold(y, { axis: 0 }).toArray()).toEqual([1, 0, 1])
    expect(oneCold(tensor([0.1, 0.7, 0.2])).item()).toBe(1)
  })

  it('refuses NaN and an axis that is not there', () => {
    expect(() => oneCold(tensor([[1, Number.NaN]]))).toThrow(
      new RangeError('oneCold: NaN has no class. Look for where it comes from with isNaN(y).'),
    )
    expect(() => oneCold(zeros([2, 2]), { axis: 2 })).toThrow(ShapeError)
  })
})
