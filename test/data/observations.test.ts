import { arange, DataLoader, ones } from 'fluxtape'
import { describe, expect, it } from 'vitest'
import type { Data } from '../../src/data/observations.ts'
import { drain, plain } from './drain.ts'

describe('the batches', () => {
  it.each<readonly [string, Data, unknown]>([
    ['a typed array', Int32Array.of(1, 2, 3), [[1, 2], [3]]],
    ['a Buffer', Buffer.from([7, 8]), [[7, 8]]],
    ['a record of typed arrays', { x: new Float64Array([0.5, 1]), y: Uint8Array.of(3, 4) }, [{ x: [0.5, 1], y: [3, 4] }]],
    [
      'a record of lists',
      {
        x: [
          [1, 2],
          [3, 4],
          [5, 6],
        ],
        ok: [true, false, true],
        name: ['a', 'b', 'c'],
      },
      [
        {
          x: [
            [1, 2],
            [3, 4],
          ],
          ok: [true, false],
          name: ['a', 'b'],
        },
        { x: [[5, 6]], ok: [true], name: ['c'] },
      ],
    ],
    [
      'a tensor and a typed array',
      [arange(3), Int32Array.of(5, 6, 7)],
      [
        [
          [0, 1],
          [5, 6],
        ],
        [[2], [7]],
      ],
    ],
    [
      'a list and a tensor',
      [[9, 8], arange(2)],
      [
        [
          [9, 8],
          [0, 1],
        ],
      ],
    ],
    [
      'a tensor and a list of texts',
      [arange(2), ['a', 'b']],
      [
        [
          [0, 1],
          ['a', 'b'],
        ],
      ],
    ],
    [
      'a record of a list of tensors',
      { x: [arange(2), ones([2])] },
      [
        {
          x: [
            [0, 1],
            [1, 1],
          ],
        },
      ],
    ],
    ['a list of typed arrays, an observation each', [Int32Array.of(1), Int32Array.of(2, 3)], [[{ 0: 1 }, { 0: 2, 1: 3 }]]],
    [
      'a list of pairs',
      [
        [1, 'a'],
        [2, 'b'],
      ],
      [
        [
          [1, 'a'],
          [2, 'b'],
        ],
      ],
    ],
    [
      'a list of few tensors of one shape',
      [ones([2]), ones([2]), ones([2])],
      [
        [
          [1, 1],
          [1, 1],
          [1, 1],
        ],
      ],
    ],
    [
      'a record with any name',
      JSON.parse('{"__proto__": [1, 2], "constructor": [3, 4]}'),
      [JSON.parse('{"__proto__": [1, 2], "constructor": [3, 4]}')],
    ],
  ])('of %s', (_, data, batches) => {
    expect(drain(new DataLoader(data, { batchSize: 2 }))).toEqual(batches)
  })

  it('have the types of their columns, as observations have', () => {
    const columns = {
      x: arange(3),
      y: Int32Array.of(5, 6, 7),
      bytes: Uint8Array.of(1, 2, 3),
      ok: [true, false, true],
      name: ['a', 'b', 'c'],
    }
    for (const { x, y, bytes, ok, name } of new DataLoader(columns, { batchSize: 3 })) {
      expect([x.dtype, y.dtype, bytes.dtype, ok.dtype, name]).toEqual(['float32', 'int32', 'uint8', 'bool', ['a', 'b', 'c']])
    }
    const seen: unknown[] = []
    drain(new DataLoader(columns, { batchSize: 2, collate: list => seen.push(...list.map(plain)) }))
    expect(seen[2]).toEqual({ x: 2, y: 7, bytes: 3, ok: true, name: 'c' })
    drain(new DataLoader(Int32Array.of(4, 5), { collate: ([each]) => seen.push(plain(each)) }))
    expect(seen.slice(3)).toEqual([4, 5])
  })
})
