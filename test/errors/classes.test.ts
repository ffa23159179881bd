import {
  Chain,
  Dense,
  Descent,
  DivergedError,
  DTypeError,
  FluxtapeError,
  FormatError,
  loadSafetensors,
  MemoryError,
  ones,
  params,
  ReleasedError,
  ShapeError,
  type Tensor,
  tensor,
  train,
  trainStep,
  WorkerError,
  zeros,
} from 'fluxtape'
import { describe, expect, test } from 'vitest'
import { expectToTrain } from './table.ts'

function errorOf(f: () => unknown): unknown {
  try {
    f()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

/** How each class of error is met, and the data that it carries. */
const classes: readonly (readonly [abstract new (...args: never[]) => Error, () => unknown, object])[] = [
  [
    ShapeError,
    () => ones([2, 3]).matmul(ones([4, 5])),
    {
      operation: 'matmul',
      path: [],
      shapes: [
        [2, 3],
        [4, 5],
      ],
    },
  ],
  [DTypeError, () => tensor([1]).cast('float64' as never), { operation: 'cast', path: [], dtypes: ['float64'] }],
  [
    ReleasedError,
    () => {
      const x = ones([2])
      x.dispose()
      x.exp()
    },
    { operation: 'exp', path: [] },
  ],
  [MemoryError, () => zeros([2 ** 30 - 1]), { operation: 'zeros', path: [] }],
  [FormatError, () => loadSafetensors(new Uint8Array(3)), { operation: 'loadSafetensors', path: [] }],
  [
    DivergedError,
    () => {
      const w = ones([2])
      trainStep(() => w.sum().mul(Number.POSITIVE_INFINITY), params(w), [], Descent(0.1))
    },
    { operation: 'trainStep', path: [], step: 0, loss: Number.POSITIVE_INFINITY },
  ],
]

describe('every class of error', () => {
  test.each(classes.map(([kind, f, data]) => [kind.name.replace(/^_|\d+$/g, ''), kind, f, data] as const))(
    '%s is an Error of its name and carries its data',
    (_, kind, f, data) => {
      const error = errorOf(f)
      expect(error).toBeInstanceOf(kind)
      expect(error).toBeInstanceOf(FluxtapeError)
      expect(error).toBeInstanceOf(Error)
      expect(error).toMatchObject(data)
      const { name, message, stack } = error as FluxtapeError
      expect(name).toMatch(/^[A-Z][a-zA-Z]+Error$/)
      expect(stack).toContain(message.split('\n')[0])
      expect(message).toMatch(/^\w+: .*[.?]$/s)
      expectToTrain()
    },
  )

  test('has a name of its own', () => {
    const complaint = { operation: 'o', problem: 'p' }
    const errors = [
      new ShapeError(complaint),
      new DTypeError(complaint),
      new ReleasedError(complaint),
      new MemoryError(complaint, 1),
      new FormatError(complaint),
      new DivergedError(complaint, 1, 2),
      new WorkerError(complaint),
    ]
    expect(errors.map(error => error.name)).toEqual([
      'ShapeError',
      'DTypeError',
      'ReleasedError',
      'MemoryError',
      'FormatError',
      'DivergedError',
      'WorkerError',
    ])
  })

  test('makes its text of its parts', () => {
    expect(new ShapeError({ operation: 'add', problem: 'wrong' }).message).toBe('add: wrong.')
    expect(new ShapeError({ operation: 'add', problem: 'wrong', came: '[2]' }).message).toBe('add: wrong: [2].')
    expect(new ShapeError({ operation: 'add', problem: 'wrong', came: '[2]', wayOut: 'Do it right.' }).message).toBe(
      'add: wrong: [2]. Do it right.',
    )
  })
})

describe('an error inside a model', () => {
  test('has the path of layers as data and as its last line', () => {
    const model = Chain({ first: Dense(3, 4), rest: Chain(Dense(4, 4), Chain(Dense(4, 2), Dense(5, 2))) })
    const error = errorOf(() => model(ones([2, 3]))) as ShapeError
    expect(error.path).toEqual(['Chain.rest', 'Chain[1]', 'Chain[1]', 'Dense(5, 2)'])
    const lines = error.message.split('\n')
    expect(lines).toHaveLength(2)
    expect(lines[1]).toBe('in Chain.rest: Chain[1]: Chain[1]: Dense(5, 2)')
    expect(error.operation).toBe('linear')
    expect(error.stack).toContain(error.message)
    expectToTrain()
  })

  test('is the same error object, thrown on', () => {
    const mine = new ShapeError({ operation: 'mine', problem: 'wrong' })
    const model = Chain(() => {
      throw mine
    })
    expect(errorOf(() => model(ones([1])))).toBe(mine)
    expect(mine.message).toBe('mine: wrong.\nin Chain[0]')
  })

  test('of another kind passes as it is', () => {
    const model = Chain(() => {
      throw new RangeError('mine')
    })
    expect(errorOf(() => model(ones([1])))).toEqual(new RangeError('mine'))
  })
})

describe('what is unusual and right', () => {
  test('NaN in data is computed with, until a loss', () => {
    const model = Dense(tensor([[1, 1]]), tensor([0]))
    const x = tensor([
      [1, Number.NaN],
      [1, 2],
    ])
    expect(model(x).toArray()).toEqual([[Number.NaN], [3]])
    const before = model.weight.toArray()
    const loss = (input: Tensor) => model(input).sum()
    expect(() => trainStep(loss, params(model), x, Descent(0.1))).toThrow(DivergedError)
    expect(model.weight.toArray()).toEqual(before)
    expect(trainStep(loss, params(model), x.slice('1:'), Descent(0.1))).toBe(3)
  })

  test('a batch of one trains, with the numbers of the only sample', () => {
    const model = Dense(tensor([[1, 2]]), tensor([0.5]))
    const loss = trainStep(
      (x: Tensor, y: Tensor) => model(x).sub(y).square().mean(),
      params(model),
      [tensor([[1, 1]]), tensor([[1.5]])],
      Descent(0.125),
    )
    expect(loss).toBe(4)
    expect(model.weight.toArray()).toEqual([[0.5, 1.5]])
    expect(model.bias?.toArray()).toEqual([0])
  })

  test('a parameter that takes no part stays as it is', () => {
    const [used, unused] = [tensor([1]), tensor([7])]
    trainStep(() => used.square().sum(), params(used, unused), [], Descent(0.25))
    expect([used.toArray(), unused.toArray()]).toEqual([[0.5], [7]])
  })

  test('after data that throws midway, what was trained stays, and training goes on', async () => {
    const w = tensor([1])
    const loss = (x: Tensor) => w.mul(x).square().sum()
    const one = tensor([1])
    function* failing() {
      yield one
      throw new Error('the disk is gone')
    }
    await expect(train(loss, params(w), failing(), Descent(0.25))).rejects.toThrow('the disk is gone')
    expect(w.toArray()).toEqual([0.5])
    await train(loss, params(w), [one], Descent(0.25))
    expect(w.toArray()).toEqual([0.25])
    expectToTrain()
  })
})
