import { checkOptions, noTensor, rangeError, refuseSurplus, ShapeError, typeError, written } from '../../errors.ts'
import { bagged, indicesIn, type Reduction } from '../../ops/embedding.ts'
import { asIndices, type IndicesInput } from '../../ops/indices.ts'
import { concat } from '../../ops/joining.ts'
import { checkTensor } from '../../tape/operation.ts'
import { randn } from '../../tensor/random.ts'
import { isPlain } from '../../tensor/realm.ts'
import { show } from '../../tensor/shape.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { isForeign } from '../../tensor/walk.ts'
import type { Initializer } from '../initializers.ts'
import { type Layer, layer } from '../layer.ts'
import { checkSizes, initial } from './checks.ts'
import { labelOf } from './plain.ts'

/** What `Embedding` can be told besides its sizes. */
export interface EmbeddingOptions {
  /** Makes the weight; `randn` by default. */
  readonly init?: Initializer | undefined
  /** An index that stands for nothing: its rows are 0, and its row of the weight has no gradient. None by default, and with null. */
  readonly paddingIdx?: number | null | undefined
}

/** What stands for rows of the weight: whole numbers of any shape, or one-hot rows of bool. */
export type IndexInput = IndicesInput | number

/** Bags: indices whose last axis is one, one-hot rows of bool whose axis before the last is one, or a list of bags of any lengths. */
export type BagInput = IndicesInput | readonly IndicesInput[]

/** What `Embedding` makes: from indices [...] to [..., features], with weight [vocabulary, features]. */
export type EmbeddingLayer = Layer<{ weight: Tensor; readonly paddingIdx: number | undefined }, [x: IndexInput], Tensor>

/** What `EmbeddingBag` makes: from bags of indices to [bags, features], with weight [vocabulary, features]. */
export type EmbeddingBagLayer = Layer<
  { weight: Tensor; readonly paddingIdx: number | undefined; readonly reduction: Reduction },
  [x: BagInput, offsets?: IndicesInput | undefined],
  Tensor
>

/** What follows the first argument of `Embedding`: a size, or the options of a ready weight. */
export type EmbeddingArguments<First> = First extends number
  ? [features: number, options?: EmbeddingOptions | undefined]
  : [options?: Omit<EmbeddingOptions, 'init'> | undefined]

/** What follows the first argument of `EmbeddingBag`: a size and a reduction, or the reduction of a ready weight; options last. */
export type EmbeddingBagArguments<First> = First extends number
  ? [features: number, reduction?: Reduction | EmbeddingOptions | undefined, options?: EmbeddingOptions | undefined]
  : [reduction?: Reduction | Omit<EmbeddingOptions, 'init'> | undefined, options?: Omit<EmbeddingOptions, 'init'> | undefined]

/** The weight of a layer, its paddingIdx, and how it prints: of sizes and options, or of a ready weight and options. */
function tableOf(name: string, [first, second]: readonly unknown[], options: EmbeddingOptions, reduction?: string) {
  const isReady = first instanceof Tensor
  checkOptions(name, options, isReady ? ['paddingIdx'] : ['init', 'paddingIdx'])
  const { init = randn, paddingIdx: padding } = options
  const paddingIdx = padding ?? undefined
  if (!isReady) checkSizes(name, [first, second], `Write ${name}(vocabulary, features).`)
  const weight = isReady ? first : initial(name, init, [first, second] as number[])
  checkTensor(name, weight)
  if (weight.rank !== 2)
    throw new ShapeError({ operation: name, problem: 'the weight is [vocabulary, features]', came: show(weight.dims) }, [weight.dims])
  const [size, features] = weight.dims
  if (paddingIdx !== undefined) {
    if (!(Number.isInteger(paddingIdx) && paddingIdx >= 0 && paddingIdx < size))
      throw rangeError(name, `paddingIdx is an index from 0 to ${size - 1}`, written(paddingIdx))
    if (!isReady) weight.view().fill(0, paddingIdx * features, (paddingIdx + 1) * features)
  }
  return { weight, paddingIdx, label: labelOf(name, [size, features, reduction, { paddingIdx }]) }
}

/**
 * A vector for each index: from indices [...] to [..., features], the rows of the weight [vocabulary, features]. Indices are whole numbers of any type, in a tensor, a list, an
 * Int32Array or a Uint8Array, or rows of bool [..., vocabulary], which are one-hot.
 *
 * `Embedding(vocabulary, features, { init = randn, paddingIdx })`, or of a ready weight `Embedding(weight, { paddingIdx })`, as PyTorch's `nn.Embedding` has it. At
 * `paddingIdx` the vectors are 0, whatever the weight has there, and that row has no gradient; it begins as 0. The gradients of equal indices add up in
 * their order. Throws RangeError for an index outside the vocabulary and for bool that is not one-hot, TypeError for sizes that are no whole numbers from 1.
 *
 * @example Embedding(tensor([[1, 2], [3, 4], [5, 6]]))([2, 0]).toArray() // [[5, 6], [1, 2]]
 */
export function Embedding<First extends number | Tensor>(first: First, ...rest: EmbeddingArguments<First>): EmbeddingLayer
export function Embedding(...args: readonly unknown[]): EmbeddingLayer {
  const [first] = args
  if (isForeign(first)) throw noTensor('Embedding', first)
  const most = first instanceof Tensor ? 2 : 3
  if (args.length > most) refuseSurplus('Embedding', most, args)
  const { weight, paddingIdx, label } = tableOf('Embedding', args, (args[most - 1] === undefined ? {} : args[most - 1]) as EmbeddingOptions)
  const forward = (self: Readonly<EmbeddingLayer>, x: IndexInput, ...surplus: never[]): Tensor => {
    if (surplus.length > 0) refuseSurplus('Embedding', 1, [x, ...surplus])
    return bagged(self.weight, indicesIn('Embedding', x, self.weight.dims[0]), undefined, {
      layer: 'Embedding',
      isBag: false,
      reduction: 'sum',
      padding: self.paddingIdx ?? -1,
    })
  }
  return layer('Embedding', { weight, paddingIdx }, forward as never, { label }) as unknown as EmbeddingLayer
}

/**
 * A vector for each bag of indices: the mean, the sum or the largest entries of their rows of the weight [vocabulary, features]; 0 for an empty bag.
 *
 * Bags are whole numbers [..., size], to [..., features]; rows of bool [..., size, vocabulary], which are one-hot; a list of bags of any lengths; or
 * `(indices, offsets)`, where bag b begins at offsets[b] and ends where the next one does, to [bags, features].
 *
 * `EmbeddingBag(vocabulary, features, reduction = 'mean', { init = randn, paddingIdx })`, reduction 'mean', 'sum' or 'max', or of a ready weight
 * `EmbeddingBag(weight, reduction, { paddingIdx })`, as PyTorch's `nn.EmbeddingBag` has it. Indices equal to `paddingIdx` are left out. Throws RangeError for an
 * index outside the vocabulary and for offsets that do not begin at 0, go back, or go beyond the indices, TypeError for another reduction.
 *
 * @example
 * const bag = EmbeddingBag(tensor([[1, 2], [3, 4], [5, 6]]), 'sum')
 * bag([[0, 1], [2]]).toArray() // [[4, 6], [5, 6]]
 * bag([0, 1, 2], [0, 0, 2]).toArray() // [[0, 0], [4, 6], [5, 6]]
 */
export function EmbeddingBag<First extends number | Tensor>(first: First, ...rest: EmbeddingBagArguments<First>): EmbeddingBagLayer
export function EmbeddingBag(...args: readonly unknown[]): EmbeddingBagLayer {
  const [first] = args
  if (isForeign(first)) throw noTensor(BAG, first)
  const at = first instanceof Tensor ? 1 : 2
  if (args.length > at + 2) refuseSurplus(BAG, at + 2, args)
  const isLeftOut = args.length === at + 1 && isPlain(args[at]) && !('mode' in args[at])
  const reduction = isLeftOut || args[at] === undefined ? 'mean' : args[at]
  if (reduction !== 'mean' && reduction !== 'sum' && reduction !== 'max')
    throw typeError(
      BAG,
      "the reduction is 'mean', 'sum' or 'max'",
      `${written(reduction)} came`,
      "Write EmbeddingBag(vocabulary, features, 'sum').",
    )
  const options = (isLeftOut ? args[at] : args[at + 1] === undefined ? {} : args[at + 1]) as EmbeddingOptions
  const { weight, paddingIdx, label } = tableOf(BAG, args, options, reduction === 'mean' ? undefined : reduction)
  const forward = (self: Readonly<EmbeddingBagLayer>, x: BagInput, given?: IndicesInput, ...surplus: never[]): Tensor => {
    if (surplus.length > 0) refuseSurplus(BAG, 2, [x, given, ...surplus])
    const [indices, offsets] = bagsIn(x, given, self.weight.dims[0])
    const { reduction, paddingIdx = -1 } = self
    return bagged(self.weight, indices, offsets, { layer: BAG, isBag: true, reduction, padding: paddingIdx })
  }
  return layer(BAG, { weight, paddingIdx, reduction }, forward as never, { label }) as unknown as EmbeddingBagLayer
}

const BAG = 'EmbeddingBag'

/** The indices of bags, and their offsets where they have some. */
function bagsIn(x: BagInput, offsets: IndicesInput | undefined, size: number): [Tensor, Tensor | undefined] {
  const isList = Array.isArray(x) && x.some(each => typeof each === 'object')
  if (isList && offsets === undefined) {
    const bags = (x as readonly IndicesInput[]).map(each => indicesIn(BAG, each, size))
    for (const each of bags) checkBag(each, 1)
    let next = 0
    const starts = bags.map(({ count }) => (next += count) - count)
    return [concat(bags), asIndices(BAG, starts)]
  }
  const indices = indicesIn(BAG, x as IndicesInput, size)
  if (offsets === undefined) {
    checkBag(indices, indices.rank || 1)
    return [indices, undefined]
  }
  const starts = asIndices(BAG, offsets, 'offset')
  checkBag(indices, 1)
  checkBag(starts, 1)
  return [indices, starts]
}

/** Throws ShapeError for indices or offsets of another rank. */
function checkBag({ dims }: Tensor, rank: number): void {
  if (dims.length === rank) return
  throw new ShapeError({ operation: BAG, problem: 'a bag, and offsets, have one axis', came: show(dims) }, [dims])
}
