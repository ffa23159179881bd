/** Gradient rows of what moves values: shapes, slices, joining, indices. */

import type { Tensor } from 'fluxtape'
import * as flux from 'fluxtape'
import type { Row } from './check.ts'
import { at, build, concat, type Float64, type Index, permute, read, reshape, transpose } from './float64.ts'

type Shape = readonly number[]

const int32 = (values: Int32Array | readonly number[], shape: Shape) => flux.tensor(Int32Array.from(values), shape)

/** A row whose result has at each index the element of x at `from(index)`. */
const picked = (op: string, name: string, shape: Shape, result: Shape, run: (x: Tensor) => Tensor, from: (index: Index) => Index): Row => ({
  op,
  name,
  shapes: [shape],
  domain: [-2, 2],
  run,
  reference: ([x]) => build(result, index => read(x, from(index))),
  ulp: 0,
})

const shaped = (op: string, shape: Shape, result: Shape, run: (x: Tensor) => Tensor): Row => ({
  op,
  name: `[${shape}] to [${result}]`,
  shapes: [shape],
  domain: [-2, 2],
  run,
  reference: ([x]) => reshape(x, result),
  ulp: 0,
})

const shapeRows: readonly Row[] = [
  shaped('reshape', [2, 3], [3, 2], x => x.reshape([3, 2])),
  shaped('reshape', [4], [2, 1, 2], x => x.reshape([2, -1, 2])),
  shaped('flatten', [2, 2, 2], [8], x => x.flatten(0)),
  shaped('flatten', [2, 2, 2], [2, 4], x => x.flatten()),
  shaped('flatten', [3], [3], x => x.flatten()),
  shaped('squeeze', [1, 3, 1], [3], x => x.squeeze()),
  shaped('squeeze', [1, 3, 1], [1, 3], x => x.squeeze(-1)),
  shaped('expandDims', [3], [1, 3], x => x.expandDims()),
  shaped('expandDims', [2, 3], [2, 3, 1], x => x.expandDims(-1)),
  ...[
    [2, 3],
    [2, 3, 2],
    [1, 4],
  ].map(
    (shape): Row => ({
      op: 'transpose',
      name: `[${shape}]`,
      shapes: [shape],
      domain: [-2, 2],
      run: x => flux.transpose(x),
      reference: ([x]) => transpose(x),
      ulp: 0,
    }),
  ),
  ...[
    { shape: [2, 3, 2], axes: [2, 0, 1] },
    { shape: [2, 3], axes: [1, 0] },
    { shape: [2, 1, 3, 2], axes: [3, 0, 2, 1] },
  ].map(
    ({ shape, axes }): Row => ({
      op: 'permute',
      name: `[${shape}] by [${axes}]`,
      shapes: [shape],
      domain: [-2, 2],
      run: x => flux.permute(x, axes),
      reference: ([x]) => permute(x, axes),
      ulp: 0,
    }),
  ),
  ...[
    { shape: [3], to: [2, 3] },
    { shape: [2, 1, 2], to: [2, 3, 2] },
    { shape: [], to: [2, 2] },
    { shape: [1, 3], to: [2, 2, 3] },
  ].map(
    ({ shape, to }): Row => ({
      op: 'broadcastTo',
      name: `[${shape}] to [${to}]`,
      shapes: [shape],
      domain: [-2, 2],
      run: x => flux.broadcastTo(x, to),
      reference: ([x]) => build(to, index => at(x, index)),
      ulp: 0,
    }),
  ),
]

const sliceRows: readonly Row[] = [
  picked(
    'slice',
    '1:3',
    [4, 3],
    [2, 3],
    x => x.slice('1:3'),
    ([i, j]) => [i + 1, j],
  ),
  picked(
    'slice',
    'an index and a range',
    [3, 4],
    [2],
    x => x.slice([1, [1, 3]]),
    ([j]) => [1, j + 1],
  ),
  picked(
    'slice',
    'every other column, backwards',
    [2, 5],
    [2, 3],
    x => x.slice(':, ::-2'),
    ([i, j]) => [i, 4 - 2 * j],
  ),
  picked(
    'slice',
    'the last of three axes',
    [2, 3, 2],
    [2, 3],
    x => x.slice('..., -1'),
    ([i, j]) => [i, j, 1],
  ),
]

const parts = (split: readonly Tensor[]): Tensor => flux.concat([...split].reverse(), 0)
const joinRows: readonly Row[] = [
  ...[0, 1].map(
    (axis): Row => ({
      op: 'concat',
      name: `three along ${axis}`,
      shapes:
        axis === 0
          ? [
              [1, 2],
              [3, 2],
              [2, 2],
            ]
          : [
              [2, 1],
              [2, 3],
              [2, 2],
            ],
      domain: [-2, 2],
      run: (x, y, z) => flux.concat([x, y, z], axis),
      reference: xs => concat(xs, axis),
      ulp: 0,
    }),
  ),
  {
    op: 'concat',
    name: 'of one tensor with itself',
    shapes: [[3]],
    domain: [-2, 2],
    run: x => flux.concat([x, x]),
    reference: ([x]) => concat([x, x], 0),
    ulp: 0,
  },
  ...[0, 1, -1].map(
    (axis): Row => ({
      op: 'stack',
      name: `along ${axis}`,
      shapes: [
        [2, 2],
        [2, 2],
      ],
      domain: [-2, 2],
      run: (x, y) => flux.stack([x, y], axis),
      reference: ([x, y]) =>
        build([2, 2, 2], index => {
          const place = axis === -1 ? 2 : axis
          return read(index[place] === 0 ? x : y, index.toSpliced(place, 1))
        }),
      ulp: 0,
    }),
  ),
  picked(
    'split',
    'in equal parts',
    [6, 2],
    [6, 2],
    x => parts(flux.split(x, 3)),
    ([i, j]) => [[4, 5, 2, 3, 0, 1][i], j],
  ),
  picked(
    'split',
    'in parts of 1, 2 and 1 along 1',
    [2, 4],
    [2, 4],
    x => flux.concat(flux.split(x, [1, 2, 1], 1).reverse(), 1),
    ([i, j]) => [i, [3, 1, 2, 0][j]],
  ),
  picked(
    'chunk',
    'with a shorter last one',
    [5],
    [5],
    x => parts(flux.chunk(x, 2)),
    ([i]) => [[3, 4, 0, 1, 2][i]],
  ),
]

const scattered = (x: Float64, indices: readonly number[], updates: Float64, axis: number): Float64 =>
  build(x.shape, index =>
    indices.reduce((sum, target, j) => (target === index[axis] ? sum + read(updates, index.with(axis, j)) : sum), read(x, index)),
  )

const indexRows: readonly Row[] = [
  picked(
    'gather',
    'rows, one twice',
    [3, 2],
    [4, 2],
    x => flux.gather(x, [2, 0, 2, 1]),
    ([i, j]) => [[2, 0, 2, 1][i], j],
  ),
  picked(
    'gather',
    'along the last axis, by a matrix',
    [2, 3],
    [2, 2, 2],
    x => x.gather(int32([0, 2, 2, 1], [2, 2]), 1),
    ([i, j, k]) => [i, [0, 2, 2, 1][2 * j + k]],
  ),
  picked(
    'gather',
    'one of three axes, by a number',
    [2, 3, 2],
    [2, 2],
    x => flux.gather(x, 1, 1),
    ([i, j]) => [i, 1, j],
  ),
  picked(
    'takeAlong',
    'along 1, one twice',
    [2, 4],
    [2, 3],
    x => x.takeAlong(int32([3, 0, 3, 1, 2, 0], [2, 3]), 1),
    ([i, j]) => [i, [3, 0, 3, 1, 2, 0][3 * i + j]],
  ),
  picked(
    'takeAlong',
    'along 0',
    [3, 2],
    [2, 2],
    x => x.takeAlong(int32([2, 0, 2, 1], [2, 2]), 0),
    ([i, j]) => [[2, 0, 2, 1][2 * i + j], j],
  ),
  {
    op: 'scatterAdd',
    name: 'rows, one twice',
    shapes: [
      [3, 2],
      [4, 2],
    ],
    domain: [-2, 2],
    run: (x, updates) => flux.scatterAdd(x, [2, 0, 2, 1], updates),
    reference: ([x, updates]) => scattered(x, [2, 0, 2, 1], updates, 0),
    cancels: true,
  },
  {
    op: 'scatterAdd',
    name: 'along the last axis',
    shapes: [
      [2, 3],
      [2, 2],
    ],
    domain: [-2, 2],
    run: (x, updates) => flux.scatterAdd(x, [2, 1], updates, 1),
    reference: ([x, updates]) => scattered(x, [2, 1], updates, 1),
    cancels: true,
  },
]

/** A row whose result has at each index the element of x at `from(index)`, or 0 where that is null. */
const spreadRow = (
  op: string,
  name: string,
  shape: Shape,
  result: Shape,
  run: (x: Tensor) => Tensor,
  from: (index: Index) => Index | null,
): Row => ({
  ...picked(op, name, shape, result, run, index => from(index) ?? []),
  reference: ([x]) =>
    build(result, index => {
      const place = from(index)
      return place ? read(x, place) : 0
    }),
})
const within = (index: Index, shape: Shape) => index.every((i, axis) => i >= 0 && i < shape[axis])

const arrangedRows: readonly Row[] = [
  spreadRow('flip', 'all', [2, 3], [2, 3], x => x.flip(), ([i, j]) => [1 - i, 2 - j]), // biome-ignore format: one line
  spreadRow('flip', 'along -2', [2, 3], [2, 3], x => x.flip(-2), ([i, j]) => [1 - i, j]), // biome-ignore format: one line
  spreadRow('roll', 'along 1', [2, 4], [2, 4], x => x.roll(-1, 1), ([i, j]) => [i, (j + 1) % 4]), // biome-ignore format: one line
  spreadRow('roll', 'flattened', [2, 2], [2, 2], x => x.roll(1), ([i, j]) => [[[1, 1], [0, 0]], [[0, 1], [1, 0]]][i][j]), // biome-ignore format: one line
  spreadRow('tile', 'twice', [2, 3], [2, 2, 6], x => x.tile([2, 1, 2]), ([, j, k]) => [j, k % 3]), // biome-ignore format: one line
  spreadRow('repeat', 'along 0', [2, 2], [6, 2], x => x.repeat(3, 0), ([i, j]) => [Math.floor(i / 3), j]), // biome-ignore format: one line
  spreadRow('pad', 'by 0', [2, 2], [3, 5], x => x.pad([[1, 0], [1, 2]]), ([i, j]) => (within([i - 1, j - 1], [2, 2]) ? [i - 1, j - 1] : null)), // biome-ignore format: one line
  spreadRow('pad', 'by the edge', [3], [6], x => x.pad([[1, 2]], { mode: 'edge' }), ([i]) => [Math.min(Math.max(i - 1, 0), 2)]), // biome-ignore format: one line
  spreadRow('pad', 'mirrored', [3], [6], x => x.pad([[1, 2]], { mode: 'reflect' }), ([i]) => [[1, 0, 1, 2, 1, 0][i]]), // biome-ignore format: one line
  spreadRow('triu', 'above the diagonal', [2, 3, 3], [2, 3, 3], x => x.triu(1), ([b, i, j]) => (j - i >= 1 ? [b, i, j] : null)), // biome-ignore format: one line
  spreadRow('tril', 'with the diagonal', [3, 4], [3, 4], x => x.tril(), ([i, j]) => (j <= i ? [i, j] : null)), // biome-ignore format: one line
  spreadRow('diag', 'of a matrix', [3, 4], [3], x => x.diag(1), ([i]) => [i, i + 1]), // biome-ignore format: one line
  spreadRow('diag', 'of a vector', [2], [3, 3], x => x.diag(-1), ([i, j]) => (i === j + 1 ? [j] : null)), // biome-ignore format: one line
]

export const movementRows: readonly Row[] = [...shapeRows, ...sliceRows, ...joinRows, ...indexRows, ...arrangedRows]
