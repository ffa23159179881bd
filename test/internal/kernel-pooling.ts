/** Rows of the kernel table: pooling and its adjoints, over windows of every kind. */
import { type Pooling, writePooling } from '../../src/wasm/kernels.generated.ts'
import { NONE } from '../../src/wasm/kinds.ts'
import { i32, SCRATCH } from '../../src/wasm/memory.ts'
import { wasm } from '../../src/wasm/module.ts'
import type { KernelRow } from './kernel-table.ts'
import type { Arena, Trial } from './kernel-trials.ts'

/** [size, count, window, stride, pad] of an axis. */
type Axis = readonly [number, number, number, number, number]
const one: Axis = [1, 1, 1, 1, 0]
const window = (size: number, length: number, stride: number, low = 0, high = low): Axis => [
  size,
  Math.floor((size + low + high - length) / stride) + 1,
  length,
  stride,
  low,
]
const adaptive = (size: number, count: number): Axis => [size, count, 0, 0, 0]

const shapes: readonly (readonly [Axis, Axis, Axis])[] = [
  // Two by two, in rows around four windows and with a rest.
  ...[6, 8, 9, 10, 14, 28].map((size): [Axis, Axis, Axis] => [one, window(size - 1, 2, 2), window(size, 2, 2)]),
  // Half a window behind the last row, or column.
  ...[7, 9, 10].map((size): [Axis, Axis, Axis] => [one, window(size - 1, 2, 2, 0, 1), window(size, 2, 2, 0, 1)]),
  [one, one, window(33, 3, 1)],
  [one, window(7, 3, 2, 1), window(17, 3, 2, 1)],
  [one, window(5, 3, 1, 1), window(9, 3, 1, 1)],
  [one, window(5, 2, 3), window(20, 2, 3, 0, 1)],
  [window(3, 2, 1, 1, 0), window(4, 2, 2), window(11, 2, 1)],
  [adaptive(3, 2), adaptive(7, 3), adaptive(10, 4)],
  [one, window(1, 1, 1), window(1, 3, 1, 1)],
]

const record = ([d, h, w]: readonly [Axis, Axis, Axis], divisor: number) => {
  const [sizeD, countD, windowD, strideD, padD] = d
  const [sizeH, countH, windowH, strideH, padH] = h
  const [sizeW, countW, windowW, strideW, padW] = w
  const ofDepth = { sizeD, countD, windowD, strideD, padD }
  return { ...ofDepth, sizeH, countH, windowH, strideH, padH, sizeW, countW, windowW, strideW, padW, divisor }
}

const planes = 3
const name = (axes: readonly Axis[]) => axes.map(axis => `(${axis})`).join(' ')

function* forward(arena: Arena, isMax: boolean): Iterable<Trial> {
  for (const axes of shapes) {
    const [size, rows, outs] = [0, 1, 1].map((word, i) => axes.reduce((n, axis, at) => (i === 1 && at === 2 ? n : n * axis[word]), planes))
    for (const odd of [false, true]) {
      const [x, y, places] = [arena.floats(size, { odd }), arena.floats(outs), arena.ints(outs)]
      const taps = axes.reduce((n, axis) => n * axis[2], 1)
      const words: Pooling = { x: x.pointer, y: y.pointer, places: isMax && odd ? places.pointer : NONE, ...record(axes, odd ? 0 : taps) }
      const run = (begin: number, end: number) => {
        writePooling(i32, SCRATCH.descriptor >>> 2, words)
        wasm[isMax ? 'maxPool' : 'meanPool'](SCRATCH.descriptor, begin, end)
      }
      yield { name: `${name(axes)}${odd ? ', odd' : ''}`, units: rows, writes: odd && isMax ? [y, places] : [y], run }
    }
  }
}

function* backward(arena: Arena, isMax: boolean): Iterable<Trial> {
  for (const axes of shapes) {
    const [size, outs] = [0, 1].map(word => axes.reduce((n, axis) => n * axis[word], 1))
    const [x, y, places] = [arena.floats(planes * size), arena.floats(planes * outs), arena.ints(planes * outs, 0, size)]
    const words: Pooling = { x: x.pointer, y: y.pointer, places: isMax ? places.pointer : NONE, ...record(axes, 0) }
    const run = (begin: number, end: number) => {
      writePooling(i32, SCRATCH.descriptor >>> 2, words)
      wasm[isMax ? 'maxPoolGradient' : 'meanPoolGradient'](SCRATCH.descriptor, begin, end)
    }
    yield { name: name(axes), units: planes, writes: [x], run }
  }
}

/** (x, out, n, key, stream, p, scale): units are blocks of four. */
function* dropped(arena: Arena): Iterable<Trial> {
  for (const n of [0, 1, 3, 4, 5, 8, 17, 67, 130]) {
    const [x, out] = [arena.floats(n, { odd: true }), arena.floats(n)]
    const run = (begin: number, end: number) => wasm.dropout(x.pointer, out.pointer, n, 1234, 5678, 9, 0.4, 1 / 0.6, begin, end)
    yield { name: `n ${n}`, units: Math.ceil(n / 4), writes: [out], run }
  }
}

export const poolingRows: readonly KernelRow[] = [
  ['maxPool', arena => forward(arena, true)],
  ['meanPool', arena => forward(arena, false)],
  ['maxPoolGradient', arena => backward(arena, true)],
  ['meanPoolGradient', arena => backward(arena, false)],
  ['dropout', dropped],
]
