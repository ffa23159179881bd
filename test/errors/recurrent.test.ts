// What recurrent layers refuse, each text whole.
import * as f from 'fluxtape'
import { describe } from 'vitest'
import { refuses } from './table.ts'

// biome-ignore lint/suspicious/noExplicitAny: what types refuse, too
const any = f as any
const x = f.ones([2, 6, 3])
const lstm = any.LSTM(3, 4)
const gru = any.GRU(3, 4, { layers: 2 })
const embedded = "Tokens go through an Embedding or oneHot first, other numbers through cast('float32')."
const own = any.Recurrence((z: f.Tensor) => z)

describe('recurrent layers refuse', () => {
  refuses([
    ['no units', () => any.LSTM(3), 'TypeError: LSTM: the sizes must be whole numbers from 1: 3, undefined. Write LSTM(inputs, units).'],
    [
      'options of another kind',
      () => any.GRUCell(3, 4, { forgetBias: 1 }),
      "TypeError: GRUCell: there is no option 'forgetBias'. There are bias, initKernel, initRecurrentKernel, trainState and recurrentBias.",
    ],
    [
      'softmax',
      () => f.RNN(3, 4, f.softmax),
      'TypeError: RNN: softmax is no function of single elements. Put it behind the layer: Chain(RNN(...), softmax).',
    ],
    ['half a layer', () => f.LSTM(3, 4, { layers: 0.5 }), 'TypeError: LSTM: layers are a whole number from 1 to 1000: 0.5 came.'],
    [
      'layers without end',
      () => f.LSTM(3, 4, { layers: 1e300 }),
      'TypeError: LSTM: layers are a whole number from 1 to 1000: 1e+300 came.',
    ],
    ['a number that is a switch', () => any.LSTM(3, 4, { bidirectional: 1 }), 'TypeError: LSTM: bidirectional is true or false: 1 came.'],
    [
      'dropout of one layer',
      () => f.LSTM(3, 4, { dropout: 0.5 }),
      'TypeError: LSTM: dropout lies between layers, and there is one. Write Chain(LSTM(...), Dropout(0.5)).',
    ],
    ['more than all dropped', () => f.LSTM(3, 4, { dropout: 2, layers: 2 }), 'RangeError: LSTM: dropout lies in [0, 1]: 2.'],
    [
      'one bias for two cells',
      () => f.RNN(3, 4, { bias: f.ones([4]), layers: 2 }),
      'TypeError: RNN: a tensor is the bias of one cell, and there are more. Leave bias out, and assign to each.',
    ],
    ['a bias of another shape', () => f.LSTM(3, 4, { bias: f.ones([4]) }), 'ShapeError: LSTM: the bias is [16]: [4].'],
    [
      'forgetBias without a bias',
      () => f.LSTM(3, 4, { bias: false, forgetBias: 1 }),
      'TypeError: LSTM: forgetBias is where a bias of its own begins: false came. Leave bias out, or forgetBias.',
    ],
    ['forgetBias of NaN', () => f.LSTM(3, 4, { forgetBias: Number.NaN }), 'RangeError: LSTM: forgetBias is finite: NaN.'],
    ['forgetBias of infinity', () => f.LSTMCell(3, 4, { forgetBias: Infinity }), 'RangeError: LSTMCell: forgetBias is finite: Infinity.'],
    ['a text as dropout', () => any.LSTM(3, 4, { dropout: '1', layers: 2 }), "TypeError: LSTM: dropout is a number: '1' came."],
    [
      'weights of another shape',
      () => f.LSTM(3, 4, { initKernel: () => f.ones([3, 4]) }),
      'ShapeError: LSTM: initKernel gives [16, 3]: [3, 4].',
    ],
    ['no tensor', () => lstm([1]), 'TypeError: LSTM: a tensor is needed: an array. Make one with tensor(...).\nin LSTM(3, 4)'],
    [
      'other features',
      () => f.Chain(f.Dense(3, 5), lstm)(x),
      'ShapeError: LSTM: x is [batch, time, 3] or [time, 3]: [2, 6, 5].\nin Chain[1]: LSTM(3, 4)',
    ],
    [
      'h alone of an LSTM',
      () => lstm(x, f.ones([4])),
      'TypeError: LSTM: the state is two tensors, [h, c]: a tensor came. Write lstm(x, [h, c]).\nin LSTM(3, 4)',
    ],
    [
      'h and c one by one',
      () => lstm(x, f.ones([2, 4]), f.ones([2, 4])),
      'TypeError: LSTM: the state is two tensors, [h, c]: a tensor came. Write lstm(x, [h, c]).\nin LSTM(3, 4)',
    ],
    [
      'h and c by name',
      () => lstm(x, { h: f.ones([2, 4]), c: f.ones([2, 4]) }),
      'TypeError: LSTM: the state is two tensors, [h, c]: object came. Write lstm(x, [h, c]).\nin LSTM(3, 4)',
    ],
    [
      'h of a GRU by name',
      () => any.GRU(3, 4)(x, { h: f.ones([2, 4]) }),
      'TypeError: GRU: the state is a tensor, h: object came. Write gru(x, h).\nin GRU(3, 4)',
    ],
    [
      'lengths in the place of a state',
      () => any.GRU(3, 4)(x, [7, 4]),
      'TypeError: GRU: the state is a tensor, h: [7, 4] came. Write { lengths: [7, 4] }.\nin GRU(3, 4)',
    ],
    [
      'lengths in the place of two states',
      () => lstm(x, [7, 4]),
      'TypeError: LSTM: the state is two tensors, [h, c]: [7, 4] came. Write { lengths: [7, 4] }.\nin LSTM(3, 4)',
    ],
    [
      'numbers as the state of a cell',
      () => any.GRUCell(3, 4)(f.ones([3]), [7, 4]),
      'TypeError: GRUCell: the state is a tensor, h: [7, 4] came. Write cell(x, h).\nin GRUCell(3, 4)',
    ],
    [
      'the states of PyTorch',
      () => lstm(x, [f.ones([2, 4]), f.ones([1, 2, 4])]),
      'ShapeError: LSTM: the state c is [2, 4] or [4]: [1, 2, 4]. Write c.squeeze(0).\nin LSTM(3, 4)',
    ],
    ['tokens', () => lstm(f.zeros([2, 7], { dtype: 'int32' })), `DTypeError: LSTM: x is float32: int32. ${embedded}\nin LSTM(3, 4)`],
    // As many steps as features: they were one sequence.
    ...['RNN', 'LSTM', 'GRU', 'GRUv3', 'RNNCell', 'LSTMCell', 'GRUCell', 'GRUv3Cell'].flatMap(name =>
      ['int32', 'uint8', 'bool'].map(
        dtype =>
          [
            `${dtype} in ${name}`,
            () => any[name](3, 4)(f.zeros([2, 3]).cast(dtype as f.DType)),
            `DTypeError: ${name}: x is float32: ${dtype}. ${dtype === 'bool' ? "Write x.cast('float32')." : embedded}\nin ${name}(3, 4)`,
          ] as const,
      ),
    ),
    [
      'tokens in a Recurrence of a cell of ours',
      () => f.Recurrence(f.GRUCell(3, 4))(f.zeros([2, 6, 3], { dtype: 'uint8' })),
      `DTypeError: Recurrence: x is float32: uint8. ${embedded}`,
    ],
    [
      'a layer behind [y, state]',
      () => f.Chain(f.LSTM(3, 4, { returnState: true }), f.Dense(4, 2))(x),
      'TypeError: linear: a tensor is needed: an array from Chain[0]. Leave out returnState, or put ([y]) => y between.\nin Chain[1]: Dense(4, 2)',
    ],
    [
      '[h, c] of a GRU',
      () => any.GRU(3, 4)(x, [f.ones([4]), f.ones([4])]),
      'TypeError: GRU: the state is a tensor, h: [a tensor, a tensor] came. Write gru(x, h).\nin GRU(3, 4)',
    ],
    [
      'a state of another batch',
      () => lstm(x, [f.ones([3, 4]), f.ones([3, 4])]),
      'ShapeError: LSTM: the state h is [2, 4] or [4]: [3, 4].\nin LSTM(3, 4)',
    ],
    [
      'c of another shape',
      () => lstm(x, [f.ones([4]), f.ones([5])]),
      'ShapeError: LSTM: the state c is [2, 4] or [4]: [5].\nin LSTM(3, 4)',
    ],
    [
      'the state of one cell for two',
      () => gru(x, f.ones([2, 1, 4])),
      'ShapeError: GRU: the state h is [2, 2, 4] or [2, 4]: [2, 1, 4].\nin GRU(3, 4, { layers: 2 })',
    ],
    [
      'a length beyond the steps',
      () => lstm(x, { lengths: [6, 7] }),
      'RangeError: LSTM: a length is out of range: 7 at place 1. They go from 0 to 6, the steps of x.\nin LSTM(3, 4)',
    ],
    [
      'a negative length',
      () => lstm(x, undefined, { lengths: f.tensor([-1, 3]) }),
      'RangeError: LSTM: a length is out of range: -1 at place 0. They go from 0 to 6, the steps of x.\nin LSTM(3, 4)',
    ],
    [
      'half a step',
      () => lstm(x, { lengths: f.tensor([0.5, 3]) }),
      'RangeError: LSTM: length 0.5 at place 0 is not a whole number.\nin LSTM(3, 4)',
    ],
    [
      'half a step of a list',
      () => lstm(x, { lengths: [1.5, 1] }),
      'RangeError: LSTM: length 1.5 at place 0 is not a whole number.\nin LSTM(3, 4)',
    ],
    ['a length of text', () => lstm(x, { lengths: ['3', 1] }), "TypeError: LSTM: a length is a number: '3' came.\nin LSTM(3, 4)"],
    [
      'lengths of bool',
      () => lstm(x, { lengths: f.ones([2]).cast('bool') }),
      'DTypeError: LSTM: lengths cannot be bool: [2]. Cast them to int32.\nin LSTM(3, 4)',
    ],
    ...(
      [
        ['another batch', [2, 6, 3], [1, 1, 3], 'a batch of 2: [1, 1, 3]'],
        ['one sequence', [2, 6, 3], [1, 3], 'a batch of 2: [1, 3]'],
        ['a batch behind one sequence', [6, 3], [1, 1, 3], 'one sequence: [1, 1, 3]'],
      ] as const
    ).flatMap(([title, first, next, came]) =>
      [
        { of: () => any.LSTM(3, 4), text: 'LSTM(3, 4)' },
        { of: () => any.GRU(3, 4, { layers: 2 }), text: 'GRU(3, 4, { layers: 2 })' },
      ].map(
        ({ of, text }) =>
          [
            `${title} with a cache of ${text}`,
            () => {
              const cache = f.Cache()
              const layer = of()
              layer(f.ones(first), { cache })
              try {
                layer(f.ones(next), { cache })
              } finally {
                cache.dispose()
              }
            },
            `ShapeError: ${text.slice(0, text.indexOf('('))}: the cache holds the state of ${came}. Begin with a new Cache().\nin ${text}`,
          ] as const,
      ),
    ),
    ['too few lengths', () => lstm(x, { lengths: [3] }), 'ShapeError: LSTM: the lengths are [2], one a row of x: [1].\nin LSTM(3, 4)'],
    [
      'lengths of no batch',
      () => lstm(f.ones([6, 3]), { lengths: [3] }),
      'ShapeError: LSTM: lengths are those of a batch, x [batch, time, inputs]: [6, 3].\nin LSTM(3, 4)',
    ],
    [
      'another option',
      () => lstm(x, { mask: 1 }),
      "TypeError: LSTM: there is no option 'mask'. There are lengths and cache.\nin LSTM(3, 4)",
    ],
    [
      'a cache that is none',
      () => lstm(x, { cache: new Map() }),
      'TypeError: LSTM: the cache is a Cache: a Map came. Write Cache().\nin LSTM(3, 4)',
    ],
    ['a sequence in a cell', () => any.LSTMCell(3, 4)(x), 'ShapeError: LSTMCell: x is [batch, 3] or [3]: [2, 6, 3].\nin LSTMCell(3, 4)'],
    [
      'a third argument of a cell',
      () => any.GRUCell(3, 4)(f.ones([3]), undefined, 1),
      'TypeError: GRUCell: there is an argument too many: 1 came.\nin GRUCell(3, 4)',
    ],
    [
      'a whole layer as a cell',
      () => any.Recurrence(f.LSTM(3, 4, { returnState: true })),
      'TypeError: Recurrence: a cell goes one step: LSTM(3, 4, { returnState: true }) goes through a whole sequence. Write Recurrence(LSTMCell(3, 5)).',
    ],
    [
      'a recurrence as a cell',
      () => any.Recurrence(own),
      'TypeError: Recurrence: a cell goes one step: Recurrence goes through a whole sequence. Write Recurrence(LSTMCell(3, 5)).',
    ],
    ...['RNN', 'LSTM', 'GRU', 'GRUv3'].flatMap(name => [
      [
        `${name} as a cell`,
        () => any.Recurrence(any[name](3, 4)),
        `TypeError: Recurrence: a cell goes one step: ${name}(3, 4) goes through a whole sequence. Write Recurrence(${name}Cell(3, 5)).`,
      ] as const,
      [
        `${name} that was not called`,
        () => any.Recurrence(any[name]),
        `TypeError: Recurrence: a cell goes one step: ${name} itself came. Write Recurrence(${name}Cell(3, 5)).`,
      ] as const,
      [
        `${name}Cell that was not called`,
        () => any.Recurrence(any[`${name}Cell`]),
        `TypeError: Recurrence: a cell goes one step: ${name}Cell itself came. Write Recurrence(${name}Cell(3, 5)).`,
      ] as const,
    ]),
    [
      'a layer that is no cell',
      () => any.Recurrence(f.Dense(3, 3))(x),
      'TypeError: Recurrence: a cell gives [output, state]: a tensor came. Return both in a list.',
    ],
    ['no cell', () => any.Recurrence(3), 'TypeError: Recurrence: a cell is a function: 3 came.'],
    ['a cell of one result', () => own(x), 'TypeError: Recurrence: a cell gives [output, state]: a tensor came. Return both in a list.'],
    [
      'a cell without an output',
      () => any.Recurrence(() => [1, 2])(x),
      'TypeError: Recurrence: a tensor is needed as the output of a cell: number. Make one with tensor(...).',
    ],
    [
      'no step for a cell of ones own',
      () => own(f.ones([2, 0, 3])),
      'ShapeError: Recurrence: x is [batch, time, ...] or [time, inputs], of one step or more: [2, 0, 3].',
    ],
    [
      'the first state of a Dense',
      () => any.initialStates(f.Dense(2, 2)),
      'TypeError: initialStates: takes a recurrent cell or layer: function came. Write initialStates(LSTMCell(3, 5)).',
    ],
  ])
})
