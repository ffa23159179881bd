import { inspect } from 'node:util'
import {
  add,
  Bilinear,
  Chain,
  clone,
  Dense,
  full,
  gelu,
  layer,
  Maxout,
  ones,
  PairwiseFusion,
  Parallel,
  relu,
  Scale,
  SkipConnection,
  softmax,
  type Tensor,
  tanh,
  tensor,
  zeros,
} from 'fluxtape'
import { describe, expect, it, vi } from 'vitest'

const pass = (_: unknown, x: Tensor) => x

describe('String(model)', () => {
  it.each([
    ['a layer', () => Dense(2, 3, tanh), 'Dense(2, 3, tanh)   # 9 parameters'],
    ['a layer without bias', () => Dense(1, 1, relu, { bias: false }), 'Dense(1, 1, relu, { bias: false })  # 1 parameter'],
    ['a layer of its own without tensors', () => layer('Flatten', {}, pass), 'Flatten'],
    ['one with a label', () => layer('Scale', { scale: ones([3]) }, pass, { label: 'Scale(3)' }), 'Scale(3)            # 3 parameters'],
    [
      'one with buffers',
      () => layer('Norm', { scale: ones([3]), mean: ones([3]) }, pass, { trainable: ['scale'] }),
      'Norm                # 3 parameters, plus 3',
    ],
    ['all zero', () => Dense(zeros([2, 2])), 'Dense(2, 2)         # 6 parameters  (all zero)'],
    ['some NaN', () => Dense(tensor([[1, Number.NaN]]), false), 'Dense(2, 1, { bias: false })  # 2 parameters  (some NaN)'],
    ['some Inf', () => Dense(full([1, 2], Number.NEGATIVE_INFINITY), true), 'Dense(2, 1)         # 3 parameters  (some Inf)'],
    [
      'both',
      () => Dense(tensor([[Number.NaN, Number.POSITIVE_INFINITY]]), true),
      'Dense(2, 1)         # 3 parameters  (some NaN)  (some Inf)',
    ],
    ['Scale', () => Scale(2, 3, relu), 'Scale(2, 3, relu)   # 12 parameters'],
    ['Scale without bias', () => Scale(3, undefined, { bias: false }), 'Scale(3, { bias: false })  # 3 parameters'],
    ['Bilinear', () => Bilinear(2, 3, 4, tanh), 'Bilinear(2, 3, 4, tanh)  # 28 parameters'],
    ['a Chain of nothing', () => Chain(), 'Chain()'],
    ['layers of functions alone', () => Chain(relu, tanh), 'Chain(relu, tanh)'],
    ['those with names', () => Parallel(add, { a: relu, b: tanh }), 'Parallel(add, a = relu, b = tanh)'],
    ['a thousand and a million', () => Dense(1, 1_200_000), 'Dense(1, 1200000)   # 2_400_000 parameters'],
    [
      'integers that are not zero',
      () => layer('Table', { table: tensor(new Int32Array([1, 2])) }, pass),
      'Table               # 0 parameters, plus 2',
    ],
  ])('of %s', (_, make, text) => {
    expect(String(make())).toBe(text)
  })

  it('of a chain has a line a layer and a total', () => {
    expect(String(Chain(Dense(784, 64, relu), Dense(64, 10), softmax))).toBe(
      [
        'Chain(',
        '  Dense(784, 64, relu),                 # 50_240 parameters',
        '  Dense(64, 10),                        # 650 parameters',
        '  softmax,',
        ')                                       # Total: 4 arrays, 50_890 parameters, 198.789 KiB.',
      ].join('\n'),
    )
  })

  it('of a small chain has no total', () => {
    expect(String(Chain(Dense(2, 2), relu))).toBe(
      ['Chain(', '  Dense(2, 2),                          # 6 parameters', '  relu,', ')'].join('\n'),
    )
  })

  it('of named and nested chains indents and names', () => {
    const model = Chain({ hidden: Chain(Dense(2, 3), relu), center: (x: Tensor) => x, out: Dense(3, 1, relu, { bias: false }) })
    expect(String(model)).toBe(
      [
        'Chain(',
        '  hidden = Chain(',
        '    Dense(2, 3),                        # 9 parameters',
        '    relu,',
        '  ),',
        '  center = center,',
        '  out = Dense(3, 1, relu, { bias: false }),  # 3 parameters',
        ')                                       # Total: 3 arrays, 12 parameters, 48 bytes.',
      ].join('\n'),
    )
  })

  it('counts tied tensors once in the total, and megabytes', () => {
    const tied = Dense(1000, 1000)
    expect(String(Chain(tied, Dense(tied.weight, false), tied, Dense(1000, 1, gelu)))).toBe(
      [
        'Chain(',
        '  Dense(1000, 1000),                    # 1_001_000 parameters',
        '  Dense(1000, 1000, { bias: false }),   # 1_000_000 parameters',
        '  Dense(1000, 1000),                    # 1_001_000 parameters',
        '  Dense(1000, 1, gelu),                 # 1_001 parameters',
        ')                                       # Total: 4 arrays, 1_002_001 parameters, 3.822 MiB.',
      ].join('\n'),
    )
  })

  it('of buffers in a chain adds them up apart', () => {
    const norm = layer('Norm', { scale: ones([3]), mean: ones([3]), variance: ones([3]) }, pass, { trainable: ['scale'] })
    expect(String(Chain(norm, Dense(3, 1)))).toBe(
      [
        'Chain(',
        '  Norm,                                 # 3 parameters, plus 6',
        '  Dense(3, 1),                          # 4 parameters',
        ')                                       # Total: 3 trainable arrays, 7 parameters,',
        '                                        # plus 2 non-trainable, 6 parameters, 52 bytes.',
      ].join('\n'),
    )
  })

  it('of layers that hold others nests', () => {
    const model = Chain(
      SkipConnection(Chain(Dense(2, 2), relu), add),
      Parallel(Bilinear(2, 2, 3), { a: Dense(2, 2), b: Chain(relu, tanh) }),
      Maxout(() => Dense(3, 1), 2),
      PairwiseFusion(add, relu, Scale(1)),
    )
    const text = [
      'Chain(',
      '  SkipConnection(',
      '    Chain(',
      '      Dense(2, 2),                      # 6 parameters',
      '      relu,',
      '    ),',
      '    add,',
      '  ),',
      '  Parallel(',
      '    Bilinear(2, 2, 3),                  # 15 parameters',
      '    a = Dense(2, 2),                    # 6 parameters',
      '    b = Chain(relu, tanh),',
      '  ),',
      '  Maxout(',
      '    Dense(3, 1),                        # 4 parameters',
      '    Dense(3, 1),                        # 4 parameters',
      '  ),',
      '  PairwiseFusion(',
      '    add,',
      '    relu,',
      '    Scale(1),                           # 2 parameters',
      '  ),',
      ')                                       # Total: 12 arrays, 37 parameters, 148 bytes.',
    ].join('\n')
    expect(String(model)).toBe(text)
    expect(String(clone(model))).toBe(text)
  })

  it('of a layer that holds layers shows them', () => {
    const block = layer('Block', { inner: Dense(2, 2), list: [Dense(1, 1), Dense(1, 2)] }, pass)
    expect(String(block)).toBe(
      [
        'Block(',
        '  inner = Dense(2, 2),                  # 6 parameters',
        '  Dense(1, 1),                          # 2 parameters',
        '  Dense(1, 2),                          # 4 parameters',
        ')                                       # Total: 6 arrays, 12 parameters, 48 bytes.',
      ].join('\n'),
    )
  })

  it('of a layer that holds layers and parameters tells its own apart', () => {
    const block = layer('Block', { inner: Dense(2, 2), w: zeros([3]) }, pass)
    expect(String(block)).toBe(
      [
        'Block(                                  # 3 parameters of its own',
        '  inner = Dense(2, 2),                  # 6 parameters',
        ')                                       # Total: 3 arrays, 9 parameters, 36 bytes.',
      ].join('\n'),
    )
  })

  it('of a clone is the same', () => {
    const model = Chain({ a: Dense(2, 3, relu), b: Chain(Dense(3, 1)) })
    expect(String(clone(model))).toBe(String(model))
  })
})

describe('console.log of a model', () => {
  it('shows the same text, alone and inside an object', () => {
    const dense = Dense(2, 3, tanh)
    expect(inspect(dense)).toBe(String(dense))
    expect(inspect({ dense })).toBe(`{ dense: ${String(dense)} }`)
    const model = Chain(dense, dense)
    expect(inspect(model)).toBe(String(model))
  })

  it('prints through console.log', () => {
    const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
    const log = vi.spyOn(console, 'log').mockImplementation((...args: unknown[]) => {
      process.stdout.write(`${inspect(args[0])}\n`)
    })
    try {
      console.log(Dense(1, 1))
      expect(write).toHaveBeenCalledWith('Dense(1, 1)         # 2 parameters\n')
    } finally {
      log.mockRestore()
      write.mockRestore()
    }
  })
})
