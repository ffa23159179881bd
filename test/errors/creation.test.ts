import { arange, bernoulli, eye, full, linspace, manualSeed, ones, rand, randint, randn, tensor, zeros } from 'fluxtape'
import { describe } from 'vitest'
import { refuses } from './table.ts'

describe('tensor refuses', () => {
  refuses([
    [
      'rows of different lengths',
      () => tensor([[1, 2], [3]]),
      'ShapeError: tensor: the nested arrays are ragged: [2, 2] by the first of each level, but then an array of 1. All arrays of a level must have one length: padSequences pads the shorter ones.',
    ],
    [
      'a number beside an array',
      () => tensor([[1], 2]),
      'ShapeError: tensor: the nested arrays are ragged: [2, 1] by the first of each level, but then a number. All arrays of a level must have one length: padSequences pads the shorter ones.',
    ],
    [
      'an array beside a number',
      () => tensor([1, [2]]),
      'ShapeError: tensor: the nested arrays are ragged: [2] by the first of each level, but then an array of 1. All arrays of a level must have one length: padSequences pads the shorter ones.',
    ],
    [
      'arrays that are ragged further in',
      () =>
        tensor([
          [[1], [2]],
          [[3], [4, 5]],
        ]),
      'ShapeError: tensor: the nested arrays are ragged: [2, 2, 1] by the first of each level, but then an array of 2. All arrays of a level must have one length: padSequences pads the shorter ones.',
    ],
    [
      'an array inside of itself',
      () => {
        const a: unknown[] = []
        a[0] = [a]
        return tensor(a as never)
      },
      'TypeError: tensor: an array lies inside of itself. Nest arrays of numbers.',
    ],
    [
      'an array inside of itself further on',
      () => {
        const a: unknown[] = [[1]]
        a[1] = a
        return tensor(a as never)
      },
      'ShapeError: tensor: the nested arrays are ragged: [2, 1] by the first of each level, but then an array of 2. All arrays of a level must have one length: padSequences pads the shorter ones.',
    ],
    [
      'an array that stands in a thousand million places',
      () => {
        let a: unknown[] = [1]
        for (let i = 0; i < 30; i++) a = [a, a]
        return tensor(a as never)
      },
      `ShapeError: tensor: more elements than a tensor can have, 2^30 - 1: [${'2, '.repeat(30)}1].`,
    ],
    [
      'text',
      () => tensor('5' as never),
      'TypeError: tensor: an element is no number: string. Elements are numbers or booleans; convert the others first.',
    ],
    [
      'text among numbers',
      () => tensor([1, '2' as never]),
      'TypeError: tensor: an element is no number: string. Elements are numbers or booleans; convert the others first.',
    ],
    [
      'nothing',
      () => tensor(undefined as never),
      'TypeError: tensor: an element is no number: undefined. Elements are numbers or booleans; convert the others first.',
    ],
    [
      'null among numbers',
      () => tensor([1, null as never]),
      'TypeError: tensor: an element is no number: null. Elements are numbers or booleans; convert the others first.',
    ],
    [
      'an object',
      () => tensor({ 0: 1 } as never),
      'TypeError: tensor: an element is no number: object. Elements are numbers or booleans; convert the others first.',
    ],
    ['a promise', () => tensor(Promise.resolve([1]) as never), 'TypeError: tensor: an element is no number: a promise. Await it first.'],
    [
      'a tensor',
      () => tensor(ones([2]) as never),
      'TypeError: tensor: the data is a tensor already. Use x.cast(dtype), x.reshape(shape) or clone(x).',
    ],
    [
      'a DataView',
      () => tensor(new DataView(new ArrayBuffer(8)) as never),
      'TypeError: tensor: a DataView has no elements. Pass a typed array.',
    ],
    [
      'a shape that does not hold the data',
      () => tensor([1, 2, 3], [2, 2]),
      'ShapeError: tensor: the shape does not hold the data: 3 numbers, [2, 2]. The sizes of the shape must multiply to 3.',
    ],
    [
      'a shape that does not hold a typed array',
      () => tensor(new Float32Array(5), [2, 3]),
      'ShapeError: tensor: the shape does not hold the data: 5 numbers, [2, 3]. The sizes of the shape must multiply to 5.',
    ],
    ['a number as a shape', () => tensor([1, 2], 2 as never), 'TypeError: tensor: a shape is a list of numbers: 2. Write [2].'],
    ['a negative size', () => tensor([1, 2], [-1, 2]), 'ShapeError: tensor: sizes must be whole numbers from 0: [-1, 2].'],
    [
      'a dtype that it does not have',
      () => tensor([1], undefined, { dtype: 'float64' as never }),
      `DTypeError: tensor: unknown dtype: float64. Use 'float32', 'int32', 'uint8' or 'bool'.`,
    ],
  ])
})

describe('creation refuses', () => {
  refuses([
    ['zeros of a number', () => zeros(3 as never), 'TypeError: zeros: a shape is a list of numbers: 3. Write [3].'],
    [
      'zeros of a tensor',
      () => zeros(ones([2]) as never),
      'TypeError: zeros: a shape is a list of numbers: a tensor. Write [2, 3], or [] for a scalar.',
    ],
    ['ones of a size that is not whole', () => ones([1.5]), 'ShapeError: ones: sizes must be whole numbers from 0: [1.5].'],
    ['full of a negative size', () => full([2, -3], 1), 'ShapeError: full: sizes must be whole numbers from 0: [2, -3].'],
    [
      'zeros of an unknown dtype',
      () => zeros([2], { dtype: 'half' as never }),
      `DTypeError: zeros: unknown dtype: half. Use 'float32', 'int32', 'uint8' or 'bool'.`,
    ],
    ['ones of text as size', () => ones(['2' as never]), "ShapeError: ones: sizes must be whole numbers from 0: ['2']."],
    [
      'a shape whose product is too large',
      () => zeros([2 ** 20, 2 ** 20]),
      'ShapeError: zeros: more elements than a tensor can have, 2^30 - 1: [1048576, 1048576].',
    ],
    ['eye of a size that is not whole', () => eye(2.5), 'ShapeError: eye: sizes must be whole numbers from 0: [2.5, 2.5].'],
    ['arange with a step of 0', () => arange(0, 1, 0), 'RangeError: arange: start, stop and step must be finite, the step not 0: 0, 1, 0.'],
    [
      'arange without an end',
      () => arange(0, Number.POSITIVE_INFINITY),
      'RangeError: arange: start, stop and step must be finite, the step not 0: 0, Infinity, 1.',
    ],
    ['arange of NaN', () => arange(Number.NaN), 'RangeError: arange: start, stop and step must be finite, the step not 0: 0, NaN, 1.'],
    [
      'arange of more numbers than there is memory',
      () => arange(0, 1e12),
      'ShapeError: arange: more elements than a tensor can have, 2^30 - 1: [1000000000000].',
    ],
    ['arange to null', () => arange(3, null as never), 'TypeError: arange: the stop is a number: null came.'],
    ['linspace of a negative count', () => linspace(0, 1, -1), 'RangeError: linspace: n must be a whole number from 0: -1.'],
    ['linspace without a count', () => linspace(0, 1, undefined as never), 'TypeError: linspace: n is a number: undefined came.'],
  ])
})

describe('random numbers refuse', () => {
  refuses([
    ['rand of a number', () => rand(3 as never), 'TypeError: rand: a shape is a list of numbers: 3. Write [3].'],
    ['rand of bounds in the wrong order', () => rand([2], { low: 1, high: 0 }), 'RangeError: rand: low must not be above high: 1, 0.'],
    ['rand of NaN as a bound', () => rand([2], { low: Number.NaN }), 'RangeError: rand: low must be finite: NaN.'],
    ['rand of an infinite bound', () => rand([2], { high: Number.POSITIVE_INFINITY }), 'RangeError: rand: high must be finite: Infinity.'],
    ['rand beyond float32', () => rand([2], { low: -1e39 }), 'RangeError: rand: low must be finite: -1e+39.'],
    ['randn of NaN as mean', () => randn([2], { mean: Number.NaN }), 'RangeError: randn: mean must be finite: NaN.'],
    ['randn of an infinite deviation', () => randn([2], { std: 1e39 }), 'RangeError: randn: std must be finite: 1e+39.'],
    ['randn of a negative deviation', () => randn([2], { std: -1 }), 'RangeError: randn: the standard deviation must not be negative: -1.'],
    ['randint of an empty range', () => randint(3, 3, [2]), 'RangeError: randint: low and high must be int32 and low below high: 3, 3.'],
    [
      'randint of bounds that are not whole',
      () => randint(0, 1.5, [2]),
      'RangeError: randint: low and high must be int32 and low below high: 0, 1.5.',
    ],
    [
      'randint beyond int32',
      () => randint(0, 2 ** 32, [2]),
      'RangeError: randint: low and high must be int32 and low below high: 0, 4294967296.',
    ],
    [
      'randint with the shape in the place of a bound',
      () => randint(10, [3] as never, undefined as never),
      'TypeError: randint: a shape is a list of numbers: undefined. Write [2, 3], or [] for a scalar.',
    ],
    ['bernoulli of no probability', () => bernoulli(1.5, [2]), 'RangeError: bernoulli: a probability lies in [0, 1]: 1.5.'],
    [
      'bernoulli with its arguments swapped',
      () => bernoulli([2] as never, 0.5 as never),
      'TypeError: bernoulli: a shape is a list of numbers: 0.5. Write [0.5].',
    ],
    ['a negative seed', () => manualSeed(-1), 'RangeError: manualSeed: a seed is a whole number from 0: -1.'],
    ['a seed that is not whole', () => manualSeed(0.5), 'RangeError: manualSeed: a seed is a whole number from 0: 0.5.'],
    ['a seed of text', () => manualSeed('1' as never), "TypeError: manualSeed: a seed is a number: '1' came."],
  ])
})
