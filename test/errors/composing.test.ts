// Layers that hold others, Scale and Bilinear: how they are made, and what they are called with.
import {
  add,
  BatchNorm,
  Bilinear,
  Chain,
  Conv,
  Dense,
  GlobalMeanPool,
  Maxout,
  MaxPool,
  ones,
  PairwiseFusion,
  Parallel,
  relu,
  Scale,
  SkipConnection,
  softmax,
  type Tensor,
  tensor,
  zeros,
} from 'fluxtape'
import { describe } from 'vitest'
import { refuses } from './table.ts'

const x = ones([2, 3])
const none = (() => {}) as unknown as (x: Tensor) => Tensor
class Own {
  forward() {}
}

describe('layers of layers refuse', () => {
  refuses([
    ['a SkipConnection of one', () => SkipConnection(relu, undefined as never), 'TypeError: SkipConnection: takes a layer and a function of its output and its input: relu, undefined. Write SkipConnection(layer, add).'],
    ['a connection that gives nothing', () => SkipConnection(relu, none)(x), 'TypeError: SkipConnection: a link gave no tensor: undefined. Return one from a function that is not async.\nin SkipConnection.connection'],
    ['a second input', () => (SkipConnection(relu, add) as unknown as (...xs: Tensor[]) => Tensor)(x, x), 'TypeError: SkipConnection: there is an argument too many: a tensor came. Several inputs are one list: [x, y].'],
    ['a Parallel without a connection', () => Parallel(undefined as never, relu), 'TypeError: Parallel: the connection comes first, and is a function: undefined came. Write Parallel(add, ...layers).'],
    ['a Parallel without layers', () => Parallel(add), 'TypeError: Parallel: there are no layers. Write Parallel(add, ...layers).'],
    ['a Parallel of nothing by name', () => Parallel(add, {}), 'TypeError: Parallel: there are no layers. Write Parallel(add, ...layers).'],
    ['a list of layers', () => Parallel(add, [relu, relu] as never), 'TypeError: Parallel: every link is a layer or a function: number 0 is an array. Write Parallel(connection, ...layers) for a list.'],
    ['a number as a layer', () => PairwiseFusion(add, relu, 3 as never), 'TypeError: PairwiseFusion: every link is a layer or a function: number 1 is number.'],
    ['a class', () => Maxout(relu, Own as never), "TypeError: Maxout: every link is a layer or a function: number 1 is a class. Write a class with forward as layer('Own', { w }, (self, x) => y)."],
    ['a name that a field has', () => Parallel(add, { connection: relu }), "TypeError: Parallel: a layer cannot be named 'connection': every function has it."],
    ['more inputs than layers', () => Parallel(add, relu, relu)(x, x, x), 'TypeError: Parallel: layers take one input each, or all the same: 3 inputs for 2 layers.'],
    ['fewer inputs in a list', () => Chain(Parallel(add, relu, relu, relu))([x, x] as never), 'TypeError: Parallel: layers take one input each, or all the same: 2 inputs for 3 layers.\nin Chain[0]'],
    ['no inputs', () => Parallel(add, relu, relu)([]), 'TypeError: Parallel: there is no input.'],
    ['more inputs than one layer', () => PairwiseFusion(add, relu)(x, x), 'TypeError: PairwiseFusion: layers take one input each, or all the same: 2 inputs for 1 layer.'],
    ['a Maxout without layers', () => Maxout(), 'TypeError: Maxout: there are no layers. Write Maxout(() => Dense(4, 3), 2).'],
    ['a Maxout of none', () => Maxout(() => relu, 0), 'RangeError: Maxout: the number of layers is a whole number from 1 to 65536: 0.'],
    ['a Maxout of too many', () => Maxout(() => relu, 2 ** 32), 'RangeError: Maxout: the number of layers is a whole number from 1 to 65536: 4294967296.'],
    ['a Maxout that makes none', () => Maxout(() => x as never, 2), 'TypeError: Maxout: every link is a layer or a function: number 0 is a tensor.'],
    ['outputs of other shapes', () => Maxout(Dense(3, 2), Dense(3, 4))(x), 'ShapeError: Maxout: shapes do not broadcast: [2, 2] and [2, 4]. Compared from the right, sizes must be equal or 1; reshape or expandDims one of them.'],
  ]) // biome-ignore format: one row a case
})

describe('Scale and Bilinear refuse', () => {
  refuses([
    ['no sizes', () => Scale(), 'TypeError: Scale: the sizes must be whole numbers from 1: undefined. Write Scale(...sizes).'],
    ['a list of sizes', () => Scale([2, 3] as never), 'TypeError: Scale: the sizes must be whole numbers from 1: an array. Write Scale(...sizes).'],
    ['a size of 0', () => Scale(2, 0), 'TypeError: Scale: the sizes must be whole numbers from 1: 2, 0. Write Scale(...sizes).'],
    ['softmax', () => Scale(2, softmax), 'TypeError: Scale: softmax is no function of single elements. Put it behind the layer: Chain(Scale(...), softmax).'],
    ['an unknown option', () => Scale(2, relu, { bais: false } as never), "TypeError: Scale: there is no option 'bais'. There are bias and init."],
    ['a bias of another shape', () => Scale(2, relu, { bias: zeros([3]) }), 'ShapeError: Scale: the bias is [2]: [3].'],
    ['an init of another shape', () => Scale(2, relu, { init: () => zeros([3]) }), 'ShapeError: Scale: init gives [2]: [3].'],
    ['an init that gives integers', () => Scale(1, relu, { init: () => tensor([1], { dtype: 'int32' }) }), "DTypeError: Scale: init gives float32: int32. Write .cast('float32')."],
    ['options of ready tensors', () => Scale(...([ones([2]), true, relu, {}] as never[])), 'TypeError: Scale: there is an argument too many: object came. Ready tensors leave no options.'],
    ['another last axis', () => Scale(2)(x), 'ShapeError: Scale: the last axes of x are those of the scale, or that has 1: x [2, 3], scale [2].\nin Scale(2)'],
    ['fewer axes', () => Scale(2, 3)(ones([3])), 'ShapeError: Scale: the last axes of x are those of the scale, or that has 1: x [3], scale [2, 3].\nin Scale(2, 3)'],
    ['what is no tensor', () => Scale(2)([1, 2] as never), 'TypeError: Scale: a tensor is needed: an array. Make one with tensor(...).\nin Scale(2)'],
    ['an activation that gives nothing', () => Scale(3, none)(x), 'TypeError: Scale: the activation gave no tensor: undefined. Return one from a function that is not async.\nin Scale(3, none)'],
    ['two sizes', () => Bilinear(2, 3, undefined as never), 'TypeError: Bilinear: the sizes must be whole numbers from 1: 2, 3, undefined. Write Bilinear(in1, in2, out).'],
    ['a matrix', () => Bilinear(x), 'ShapeError: Bilinear: the weight is [out, in1, in2]: [2, 3].'],
    ['a bias that is a number', () => Bilinear(ones([1, 2, 3]), 1 as never), 'TypeError: Bilinear: the bias is true, false or a tensor: 1 came.'],
    ['inputs of other sizes', () => Bilinear(3, 2, 1)(x, x), 'ShapeError: Bilinear: sizes differ: x [2, 3], y [2, 3], weight [1, 3, 2]. x is [..., in1], y [..., in2], and the weight [out, in1, in2].\nin Bilinear(3, 2, 1)'],
    ['inputs of other rows', () => Bilinear(3, 3, 1)(x, ones([1, 3])), 'ShapeError: Bilinear: sizes differ: x [2, 3], y [1, 3], weight [1, 3, 3]. x is [..., in1], y [..., in2], and the weight [out, in1, in2].\nin Bilinear(3, 3, 1)'],
    ['a third input', () => (Bilinear(3, 3, 1) as unknown as (...xs: Tensor[]) => Tensor)(x, x, x), 'TypeError: Bilinear: there is an argument too many: a tensor came.\nin Bilinear(3, 3, 1)'],
    ['no input', () => Bilinear(3, 3, 1)([] as never), 'TypeError: Bilinear: there is no input.\nin Bilinear(3, 3, 1)'],
  ]) // biome-ignore format: one row a case
})

describe('a layer that was not called with its arguments says so', () => {
  const images = ones([2, 1, 6, 6])
  const made = (name: string) => ` ${name} itself is no layer: call it, ${name}(...) makes one.`
  refuses([
    ['MaxPool', () => Chain(Conv([3, 3], 1, 2), MaxPool as never)(images), `TypeError: MaxPool: the window is a number or a list of one an axis: a tensor came.${made('MaxPool')}\nin Chain[1]`],
    ['GlobalMeanPool', () => Chain(GlobalMeanPool as never, relu)(images), `TypeError: GlobalMeanPool: there is an argument too many: a tensor came.${made('GlobalMeanPool')}\nin Chain[0]`],
    ['Dense', () => Chain({ a: relu, b: Dense as never })(x), 'TypeError: Chain: a link gave a layer: Dense(3, 2). Call it before: Dense(...) is the link.\nin Chain.b'],
    ['BatchNorm in a SkipConnection', () => SkipConnection(BatchNorm as never, add)(x), `TypeError: BatchNorm: channels are a whole number from 1: a tensor came.${made('BatchNorm')}\nin SkipConnection.layer`],
    ['a Chain', () => Chain(Chain as never)(x), `TypeError: Chain: every link is a layer or a function: number 0 is a tensor.${made('Chain')}\nin Chain[0]`],
    ['a function that makes one', () => Chain(((y: Tensor) => Scale(y.size)) as never)(x), 'TypeError: Chain: a link gave a layer: Scale(6). Call it before: a function(...) is the link.\nin Chain[0]'],
    ['a MaxPool called with a tensor', () => MaxPool(x as never), 'TypeError: MaxPool: the window is a number or a list of one an axis: a tensor came.'],
  ]) // biome-ignore format: one row a case
})
