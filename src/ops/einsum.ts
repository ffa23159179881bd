// Einstein's sums, as products and permutations.
import { kindOf, ShapeError, speaking, typeError, written } from '../errors.ts'
import { composed } from '../tape/composed.ts'
import { checkTensor } from '../tape/operation.ts'
import { type Shape, show, sizeOf, stepsOf } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { integerProduct } from './integer-product.ts'
import { permute, reshape, sum, transpose } from './movement.ts'
import { mul } from './pointwise.ts'
import { product } from './product.ts'
import { taken } from './strided.ts'

type Labels = readonly string[]

/** A tensor whose axes have names, each its own. */
interface Term {
  readonly x: Tensor
  readonly labels: Labels
}

const LEGAL = /^[a-z]*(\.{3}[a-z]*)?(,[a-z]*(\.{3}[a-z]*)?)*(->[a-z]*(\.{3}[a-z]*)?)?$/i

/** The names of `rank` axes; those of '...' count from the last one on. */
function named(text: string, rank: number): string[] {
  const [head, tail] = text.split('...')
  const open = rank - head.length - (tail?.length ?? 0)
  return [...head, ...Array.from({ length: tail === undefined ? 0 : open }, (_, i) => `.${open - i}`), ...(tail ?? '')]
}

interface Equation {
  readonly inputs: readonly Labels[]
  readonly output: Labels
}

/** What was read before, by equation and ranks: reading takes as long as a small product. */
const known = /* @__PURE__ */ new Map<string, Equation>()

function parsed(equation: string, shapes: readonly Shape[]): Equation {
  // What is no text is refused there.
  if (typeof equation !== 'string') return parse(equation, shapes)
  let key = equation
  for (const { length } of shapes) key += ` ${length}`
  let found = known.get(key)
  if (!found) {
    found = parse(equation, shapes)
    // Equations that are made by a program must not pile up.
    if (known.size >= 100) known.clear()
    known.set(key, found)
  }
  return found
}

/** The axes of each tensor and of the result. Throws TypeError for what is no equation of so many tensors, ShapeError for other ranks. */
function parse(equation: string, shapes: readonly Shape[]): Equation {
  const wrong = (problem: string) => typeError('einsum', problem, written(equation), `Write 'ij,jk->ik'.`)
  if (typeof equation !== 'string') throw typeError('einsum', 'the equation is a text', `${kindOf(equation)} came`, `Write 'ij,jk->ik'.`)
  const text = equation.replace(/\s/g, '')
  if (!LEGAL.test(text)) throw wrong('cannot read the equation')
  const [left, right] = text.split('->')
  const terms = left.split(',')
  if (terms.length !== shapes.length) {
    const named = `${terms.length} ${terms.length === 1 ? 'tensor is' : 'tensors are'}`
    throw typeError(
      'einsum',
      `${named} named, and ${shapes.length} came`,
      written(equation),
      'Terms stand between commas, one for each tensor.',
    )
  }
  const inputs = terms.map((term, i) => {
    const labels = named(term, shapes[i].length)
    if (labels.length === shapes[i].length) return labels
    throw new ShapeError({ operation: 'einsum', problem: `'${term}' names other axes than there are`, came: show(shapes[i]) }, [shapes[i]])
  })
  const all = inputs.flat()
  const open = all.filter((label, i) => label[1] && all.indexOf(label) === i).sort((a, b) => Number(b.slice(1)) - Number(a.slice(1)))
  const once = all.filter(label => !label[1] && all.indexOf(label) === all.lastIndexOf(label)).sort()
  const output = right === undefined ? [...open, ...once] : named(right, right.replace('...', '').length + open.length)
  if (right !== undefined && open.length > 0 && !right.includes('...')) throw wrong("'...' is missing in the result")
  const odd = output.find((label, i) => !all.includes(label) || output.indexOf(label) !== i)
  if (odd !== undefined) throw wrong(`'${odd}' in the result must be an axis of the tensors, and there once`)
  return { inputs, output }
}

/** With diagonals where an axis is named twice, and without axes of size 1 that others broadcast. */
function plain(x: Tensor, labels: Labels, sizes: ReadonlyMap<string, number>): Term {
  const unique = labels.filter((label, i) => labels.indexOf(label) === i)
  const shape = unique.map(label => x.dims[labels.indexOf(label)])
  let y = x
  if (unique.length < labels.length) {
    const steps = stepsOf(x.dims)
    const total = (label: string) => labels.reduce((step, each, i) => (each === label ? step + steps[i] : step), 0)
    y = taken(x, 0, shape, unique.map(total))
  }
  const isKept = shape.map((size, i) => size === sizes.get(unique[i]))
  if (isKept.every(Boolean)) return { x: y, labels: unique }
  const kept = (_: unknown, i: number) => isKept[i]
  return { x: reshape(y, shape.filter(kept)), labels: unique.filter(kept) }
}

const same = (a: Labels, b: Labels) => a.length === b.length && a.every((label, i) => label === b[i])

/** The axes in another order; where only the last two change places, nothing is copied yet. */
function ordered({ x, labels }: Term, order: Labels): Tensor {
  if (same(labels, order)) return x
  const [last, next] = [labels[labels.length - 1], labels[labels.length - 2]]
  if (same([...labels.slice(0, -2), last, next], order)) return transpose(x)
  return permute(
    x,
    order.map(label => labels.indexOf(label)),
  )
}

/** Summed over the axes that nobody needs. */
function summed({ x, labels }: Term, isNeeded: (label: string) => boolean): Term {
  const axes = labels.flatMap((label, i) => (isNeeded(label) ? [] : [i]))
  return axes.length === 0 ? { x, labels } : { x: sum(x, axes), labels: labels.filter(isNeeded) }
}

/** The product of two terms, with the axes that are needed further on. */
function contract(first: Term, second: Term, output: Labels, isNeeded: (label: string) => boolean): Term {
  let a = summed(first, label => isNeeded(label) || second.labels.includes(label))
  let b = summed(second, label => isNeeded(label) || first.labels.includes(label))
  const big = a.x.count >= b.x.count ? a.labels : b.labels
  const batch = big.filter(label => isNeeded(label) && a.labels.includes(label) && b.labels.includes(label))
  const inner = big.filter(label => !isNeeded(label))
  const own = ({ labels }: Term) => labels.filter(label => isNeeded(label) && !batch.includes(label))
  const rank = (label: string) => (output.indexOf(label) + output.length + 1) % (output.length + 1)
  const rows = own(a)
  const columns = own(b)
  if (inner.length === 0) {
    // Broadcast against each other. The larger one is not put in order but by need.
    const union = [...big, ...[...a.labels, ...b.labels].filter((label, i, all) => !big.includes(label) && all.indexOf(label) === i)]
    const wanted = [...union].sort((left, right) => rank(left) - rank(right))
    const order = same(
      wanted.filter(label => big.includes(label)),
      big,
    )
      ? wanted
      : union
    const spread = (term: Term) => {
      const part = order.filter(label => term.labels.includes(label))
      const x = ordered(term, part)
      return reshape(
        x,
        order.map(label => (part.includes(label) ? x.dims[part.indexOf(label)] : 1)),
      )
    }
    return { x: mul(spread(a), spread(b)), labels: order }
  }
  // [rows, columns] as the result wants them.
  const isTurned = Math.min(...columns.map(rank)) < Math.min(...rows.map(rank))
  if (isTurned) [a, b] = [b, a]
  const [outer, last] = isTurned ? [columns, rows] : [rows, columns]
  const size = (term: Term, labels: Labels) => labels.map(label => term.x.dims[term.labels.indexOf(label)])
  const lead = size(a, batch)
  const matrix = (term: Term, left: Labels, right: Labels) => {
    const shape = [left, right].map(labels => sizeOf(size(term, labels)))
    return reshape(ordered(term, [...batch, ...left, ...right]), batch.length === 0 ? shape : [sizeOf(lead), ...shape])
  }
  const labels = [...batch, ...outer, ...last]
  const shape = [...lead, ...size(a, outer), ...size(b, last)]
  if (a.x.type !== 'float32' && b.x.type !== 'float32')
    return { x: reshape(integerProduct(matrix(a, outer, inner), matrix(b, last, inner)), shape), labels }
  // As it lies, if one of both ways has its axes in order.
  const left = same(a.labels, [...batch, ...inner, ...outer])
  const right = same(b.labels, [...batch, ...last, ...inner])
  const y = product(
    left ? matrix(a, inner, outer) : matrix(a, outer, inner),
    right ? matrix(b, last, inner) : matrix(b, inner, last),
    left,
    right,
  )
  return { x: reshape(y, shape), labels }
}

/**
 * Einstein's sum, as `numpy.einsum`: the axes of each tensor have letters, those of one letter go together, and what is not named behind
 * '->' is summed over. Without '->' the result has the letters that come once, in alphabetical order. A letter twice in one tensor is its
 * diagonal; '...' stands for further axes, which broadcast, and so do sizes of 1.
 *
 * Two tensors at a time are multiplied, first those that leave the least; matrices are read as they lie where a product can, and of
 * integers so many products lie in memory as one sum has, or 65,536. float32, or int32 if all are integers. Throws TypeError for what is no such equation of so many tensors, ShapeError for sizes and ranks that do not fit,
 * RangeError for integers whose products or sums do not.
 *
 * @example
 * const x = tensor([[1, 2], [3, 4]])
 * einsum('ij,kj->ik', x, x).toArray() // [[5, 11], [11, 25]]
 * einsum('ii', x).item() // 5
 */
export const einsum = /* @__PURE__ */ composed(
  'einsum',
  // As many as come. Not Infinity, which bundlers take for a call.
  1e9,
  function einsum(equation: string, ...tensors: readonly Tensor[]): Tensor {
    for (const each of tensors) checkTensor('einsum', each)
    const shapes = tensors.map(({ dims }) => dims)
    const { inputs, output } = parsed(equation, shapes)
    const sizes = new Map<string, number>()
    inputs.forEach((labels, i) => {
      labels.forEach((label, axis) => {
        const size = shapes[i][axis]
        const before = sizes.get(label) ?? 1
        const isTwice = shapes[i][labels.indexOf(label)] !== size
        if (isTwice || (size !== before && size !== 1 && before !== 1)) {
          const problem = `the sizes of ${label[1] ? "'...'" : `'${label}'`} differ`
          throw new ShapeError({ operation: 'einsum', problem, came: `${shapes.map(show).join(' and ')} in '${equation}'` }, shapes)
        }
        sizes.set(label, size === 1 ? before : size)
      })
    })
    return speaking('einsum', () => {
      let terms = tensors.map((x, i) => plain(x, inputs[i], sizes))
      const count = (labels: Iterable<string>) => [...labels].reduce((product, label) => product * (sizes.get(label) ?? 1), 1)
      while (terms.length > 1) {
        let best: { growth: number; run: () => Term; rest: Term[] } | undefined
        for (let i = 0; i < terms.length; i++) {
          for (let j = i + 1; j < terms.length; j++) {
            const [a, b] = [terms[i], terms[j]]
            const rest = terms.filter(each => each !== a && each !== b)
            const isNeeded = (label: string) => output.includes(label) || rest.some(({ labels }) => labels.includes(label))
            const made = count(new Set([...a.labels, ...b.labels].filter(isNeeded)))
            const growth = made - a.x.count - b.x.count
            if (!best || growth < best.growth) best = { growth, run: () => contract(a, b, rest.length === 0 ? output : [], isNeeded), rest }
          }
        }
        if (best) terms = [best.run(), ...best.rest]
      }
      return ordered(
        summed(terms[0], label => output.includes(label)),
        output,
      )
    })
  },
)
