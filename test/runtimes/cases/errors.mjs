// Errors are typed, and say what came and what to do.
import { same, throws } from '../check.mjs'

const calls = [
  ['matmul', lib => lib.matmul(lib.ones([2, 3]), lib.ones([4, 5])), 'ShapeError', /^matmul: .*\[2, 3\].*\[4, 5\]/],
  ['add', lib => lib.ones([2]).add(lib.ones([3])), 'ShapeError', /^add: .*\[2\].*\[3\]/],
  ['an axis that is not there', lib => lib.ones([2]).sum(1), 'ShapeError', /^sum: /],
  ['a ragged list', lib => lib.tensor([[1, 2], [3]]), 'ShapeError', /^tensor: /], // biome-ignore format: one line
  ['what is no tensor', lib => lib.exp('x'), 'TypeError', /^exp: /],
  ['an index', lib => lib.gather(lib.ones([2]), lib.tensor(Int32Array.of(2))), 'RangeError', /^gather: /],
  ['a class', lib => lib.logitCrossEntropy(lib.ones([1, 3]), lib.tensor(Int32Array.of(3))), 'RangeError', /^logitCrossEntropy: /],
  ['an option', lib => new lib.DataLoader(lib.ones([2]), { size: 2 }), 'TypeError', /^DataLoader: .*size/],
  ['a hyperparameter', lib => lib.Adam(-1), 'RangeError', /^Adam: /],
  ['a type', lib => lib.tensor([1], undefined, { dtype: 'float64' }), 'DTypeError', /^tensor: /],
  ['an index that is not whole', lib => lib.gather(lib.ones([2]), lib.tensor([0.5])), 'RangeError', /^gather: /],
  ['a promise in a gradient', lib => lib.gradient(async () => {}, lib.params(lib.ones([1]))), 'TypeError', /^gradient: /],
]

export const errors = [
  ...calls.map(([name, call, type, pattern]) => [name, lib => throws(() => call(lib), type, pattern, name)]),
  [
    'inside a model the last line says where',
    async lib => {
      const model = lib.Chain(lib.Dense(2, 3), lib.Dense(4, 1))
      const error = await throws(
        () => model(lib.ones([1, 2])),
        'ShapeError',
        /\nin Chain\[1\]: Dense\(4, 1\)$/,
        'a layer that does not fit',
      )
      same([error instanceof lib.ShapeError, error instanceof lib.FluxtapeError, error instanceof Error], [true, true, true], 'its classes')
    },
  ],
  [
    'a RangeError inside a model says where, too',
    async lib => {
      const model = lib.Chain({ cut: x => x.slice([9]) })
      const error = await throws(() => model(lib.ones([2])), 'RangeError', /^slice: .*\nin Chain\.cut$/, 'an index out of range')
      same([error.operation, error.path.join(), error instanceof RangeError], ['slice', 'Chain.cut', true], 'its data')
    },
  ],
]
