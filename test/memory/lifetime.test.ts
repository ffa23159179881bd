import {
  Chain,
  DataLoader,
  Dense,
  gradient,
  keep,
  layer,
  manualSeed,
  memory,
  mse,
  ones,
  params,
  pullback,
  ReleasedError,
  randn,
  relu,
  scope,
  type Tensor,
  tensor,
  withGradient,
  zeros,
} from 'fluxtape'
import { describe, expect, test } from 'vitest'
import { inScope } from '../../src/tensor/scope.ts'
import { thrown } from '../errors/thrown.ts'

/** How many storages `f` leaves behind. */
function leftBy(f: () => unknown): number {
  const before = memory().tensors
  f()
  return memory().tensors - before
}

describe('scope', () => {
  test('frees what was made in it and returns numbers as they are', () => {
    const x = tensor([1, 2, 3])
    expect(leftBy(() => expect(scope(() => x.exp().log().sum().item())).toBeCloseTo(6, 5))).toBe(0)
  })

  test('leaves alone what was made outside', () => {
    const x = tensor([1, 2, 3])
    scope(() => x.add(1))
    expect(x.toArray()).toEqual([1, 2, 3])
  })

  test.each<[string, (x: Tensor) => unknown]>([
    ['a tensor', x => x.add(1)],
    ['an array', x => [x.add(1), 5, 'text', null, undefined]],
    ['nested arrays and objects', x => ({ list: [[x.add(1)]], name: 'x' })],
    ['a Map', x => new Map([['x', x.add(1)]])],
    ['a Set', x => new Set([x.add(1)])],
    ['an instance of a class', x => Object.assign(new (class Box {})(), { x: x.add(1) })],
    ['a function with properties', x => Object.assign(() => 1, { x: x.add(1) })],
  ])('hands over what is returned, in %s', (_, f) => {
    const x = tensor([1, 2, 3])
    let inside: Tensor | undefined
    let temporary: Tensor | undefined
    const left = leftBy(() => {
      scope(() => {
        temporary = x.mul(2)
        const value = f(x)
        inside = findTensor(value)
        return value
      })
    })
    expect(left).toBe(1)
    expect(temporary?.released).toBe(true)
    expect(inside?.toArray()).toEqual([2, 3, 4])
  })

  test('hands a result on to the scope around it, which frees it', () => {
    expect(leftBy(() => scope(() => void scope(() => ones([3]))))).toBe(0)
    expect(leftBy(() => scope(() => scope(() => scope(() => ones([3])))))).toBe(1)
  })

  test('frees everything when the function throws, and lets the error through', () => {
    const left = leftBy(() => {
      const text = thrown(() =>
        scope(() => {
          ones([3]).add(1)
          throw new RangeError('mine')
        }),
      )
      expect(text).toBe('RangeError: mine')
    })
    expect(left).toBe(0)
  })

  test('refuses a promise and frees what was made before it', () => {
    let made: Tensor | undefined
    const text = thrown(() =>
      scope((async () => {
        made = ones([3])
        return made
      }) as never),
    )
    expect(text).toBe('TypeError: scope: the function returned a promise. Await the data before, and pass a function that is not async.')
    expect(made?.released).toBe(true)
  })

  test('the tensor that is returned twice is one', () => {
    const [a, b] = scope(() => {
      const x = ones([2])
      return [x, x]
    })
    expect(a).toBe(b)
    expect(a.toArray()).toEqual([1, 1])
  })

  test('a view that is returned keeps the memory of its source', () => {
    const left = leftBy(() => {
      const view = scope(() => tensor([1, 2, 3, 4]).reshape([2, 2]))
      expect(view.toArray()).toEqual([
        [1, 2],
        [3, 4],
      ])
      view.dispose()
    })
    expect(left).toBe(0)
  })
})

describe('a result with a getter that throws', () => {
  const trap = () =>
    Object.defineProperty({ x: ones([2]) }, 'y', {
      enumerable: true,
      get: () => {
        throw new RangeError('mine')
      },
    })
  const own = layer('Own', {}, () => trap())
  const weight = ones([2])
  test.each<[string, () => unknown]>([
    ['a layer', () => own()],
    ['the agg of a loss', () => mse(weight, 0, { agg: trap as never })],
    ['scope', () => scope(trap)],
    ['withGradient', () => withGradient(() => [weight.sum(), trap()], params(weight))],
    ['pullback', () => pullback(trap as never, weight)],
    ['collate', () => [...new DataLoader([1, 2], { collate: trap })]],
  ])('leaves no scope open, and nothing behind: %s', (_, f) => {
    const left = leftBy(() => expect(thrown(f)).toMatch(/mine|must be a tensor|tensor is needed|gives a tensor/))
    expect(left).toBe(0)
    expect(leftBy(() => void scope(() => ones([3]).add(1).sum().item()))).toBe(0)
    expect(inScope()).toBe(false)
  })
})

function findTensor(value: unknown): Tensor | undefined {
  if (typeof value !== 'object' && typeof value !== 'function') return undefined
  if (value && 'pointer' in value) return value as Tensor
  const inner = value instanceof Map || value instanceof Set ? [...value.values()] : Object.values(value ?? {})
  return inner.map(findTensor).find(Boolean)
}

describe('keep', () => {
  test('takes a tensor out of every scope around, until it is disposed', () => {
    let kept: Tensor | undefined
    const left = leftBy(() =>
      scope(() => {
        scope(() => {
          kept = keep(ones([3]).add(1))
        })
      }),
    )
    expect(left).toBe(1)
    expect(kept?.toArray()).toEqual([2, 2, 2])
    expect(leftBy(() => kept?.dispose())).toBe(-1)
  })

  test('keeps what was made inside a gradient', () => {
    let kept: Tensor | undefined
    gradient(
      x => {
        kept = keep(x.exp())
        return kept.sum()
      },
      zeros([2]),
    )
    expect(kept?.toArray()).toEqual([1, 1])
  })

  test('returns what it is given', () => {
    const x = ones([1])
    expect(keep(x)).toBe(x)
  })
})

describe('dispose', () => {
  test('frees at once, and does nothing the second time', () => {
    const x = ones([3])
    expect(leftBy(() => x.dispose())).toBe(-1)
    expect(leftBy(() => x.dispose())).toBe(0)
    expect(x.released).toBe(true)
  })

  test('a second dispose does not free what took the place of the first', () => {
    const x = ones([3])
    x.dispose()
    const y = tensor([7, 8, 9])
    x.dispose()
    x.dispose()
    const z = zeros([3])
    expect(y.toArray()).toEqual([7, 8, 9])
    expect(z.toArray()).toEqual([0, 0, 0])
  })

  test('using disposes at the end of the block', () => {
    let outside: Tensor | undefined
    const left = leftBy(() => {
      using x = tensor([1, 2])
      outside = x
      expect(x.toArray()).toEqual([1, 2])
    })
    expect(left).toBe(0)
    expect(outside?.released).toBe(true)
  })

  test('a reshaped tensor shares memory and outlives its source', () => {
    const x = tensor([1, 2, 3, 4])
    let y: Tensor | undefined
    expect(
      leftBy(() => {
        y = x.reshape([2, 2])
      }),
    ).toBe(0)
    x.dispose()
    zeros([4]).add(1)
    expect(y?.toArray()).toEqual([
      [1, 2],
      [3, 4],
    ])
    expect(leftBy(() => y?.dispose())).toBe(-1)
  })

  test('what is written into a tensor shows in its views', () => {
    const x = tensor([1, 2, 3, 4])
    const y = x.reshape([2, 2])
    x.assign(tensor([5, 6, 7, 8]))
    expect(y.toArray()).toEqual([
      [5, 6],
      [7, 8],
    ])
  })

  test('a transposition that nobody read has the elements of before a write', () => {
    const x = tensor([
      [1, 2],
      [3, 4],
    ])
    const y = x.transpose()
    x.assign(zeros([2, 2]))
    expect(y.toArray()).toEqual([
      [1, 3],
      [2, 4],
    ])
  })

  test('outside of every scope, too, a transposition is copied when it is read, and not by a product: the bits are those in a scope', () => {
    manualSeed(3)
    const [a, b] = [randn([17, 196]), randn([196, 196])]
    const before = memory()
    const c = b.transpose()
    expect(memory()).toMatchObject({ bytes: before.bytes, tensors: before.tensors })
    expect(a.matmul(c).data()).toEqual(scope(() => a.matmul(b.transpose()).data()))
    expect(memory().tensors).toBe(before.tensors + 1)
    expect(c.data()).toEqual(b.permute([1, 0]).data())
    expect(memory().tensors).toBe(before.tensors + 3)
  })

  test('a tensor that cannot be freed, since it was frozen, keeps no later scope from its work', () => {
    expect(() => scope(() => void Object.freeze(ones([1])))).toThrow(TypeError)
    expect(scope(() => ones([2]).sum().item())).toBe(2)
    expect(scope(() => ones([2]).sum().item())).toBe(2)
  })

  test('a transposition outlives its source, read or not', () => {
    for (const isRead of [true, false]) {
      const x = tensor([[1, 2]])
      const y = x.transpose()
      if (isRead) y.data()
      x.dispose()
      zeros([2]).add(3)
      expect(y.toArray()).toEqual([[1], [2]])
      const before = memory().tensors
      y.dispose()
      expect(before - memory().tensors).toBe(1)
    }
  })

  test('what a gradient needs stays although its handle is disposed inside', () => {
    const [g] = gradient(
      x => {
        const y = x.exp()
        const z = y.mul(y)
        y.dispose()
        return z.sum()
      },
      zeros([2]),
    )
    expect(g.toArray()).toEqual([2, 2])
  })
})

describe('gradient, pullback and layers are scopes', () => {
  const w = tensor([1, 2, 3])

  test('gradient leaves its gradients and nothing else', () => {
    expect(leftBy(() => gradient(x => x.exp().mul(x).sum(), w))).toBe(1)
    const ps = params({ w })
    expect(leftBy(() => gradient(() => w.exp().mul(w).sum(), ps))).toBe(1)
  })

  test('withGradient leaves value, extras and gradients', () => {
    const left = leftBy(() => withGradient(x => [x.mul(2).sum(), { squares: x.square(), count: 3 }], w))
    expect(left).toBe(3)
  })

  test('a number among the arguments is freed', () => {
    expect(leftBy(() => gradient(x => x.mul(x), 3))).toBe(1)
  })

  test('pullback leaves the result and what back needs, which goes with it', () => {
    const before = memory().tensors
    const [y, back] = pullback((x: Tensor) => x.exp().mul(x), w)
    expect(memory().tensors - before).toBeGreaterThan(1)
    back.dispose()
    expect(memory().tensors - before).toBe(1)
    y.dispose()
    expect(memory().tensors).toBe(before)
  })

  test('a scope frees a pullback that is not returned from it, and not one that is', () => {
    expect(leftBy(() => scope(() => void pullback((x: Tensor) => x.exp(), w)))).toBe(0)
    const [, back] = scope(() => pullback((x: Tensor) => x.exp(), w))
    expect(back()[0].sub(w.exp()).abs().max().item()).toBe(0)
    back.dispose()
  })

  test('back leaves its gradients and nothing else', () => {
    const [, back] = pullback((x: Tensor) => x.exp().mul(x), w)
    expect(leftBy(() => back())).toBe(1)
    back.dispose()
  })

  test.each<[string, () => unknown, string]>([
    ['gradient', () => gradient((async (x: Tensor) => x.sum()) as never, ones([3])), 'gradient'],
    ['withGradient', () => withGradient((async (x: Tensor) => x.sum()) as never, ones([3])), 'withGradient'],
    ['pullback', () => pullback((async (x: Tensor) => x.exp()) as never, ones([3])), 'pullback'],
  ])('%s refuses a promise and frees what was made', (_, f, name) => {
    const before = memory().tensors
    expect(thrown(f)).toBe(
      `TypeError: ${name}: the function returned a promise. Await the data before, and pass a function that is not async.`,
    )
    expect(memory().tensors - before).toBe(1)
  })

  test('the outermost call of a layer leaves its output and nothing else', () => {
    const model = Chain(Dense(3, 4, relu), Dense(4, 4, relu), (x: Tensor) => x.exp().log(), Dense(4, 2))
    const x = ones([5, 3])
    expect(leftBy(() => model(x))).toBe(1)
    expect(leftBy(() => model[0](x))).toBe(1)
  })
})

describe('batches of a DataLoader', () => {
  const data = { x: tensor([[1], [2], [3], [4], [5]]), y: tensor(new Int32Array([1, 2, 3, 4, 5])) }

  test('are freed when the next one is asked for', () => {
    const seen: Tensor[] = []
    const left = leftBy(() => {
      for (const { x } of new DataLoader(data, { batchSize: 2 })) {
        expect(x.released).toBe(false)
        if (seen.length) expect(seen.at(-1)?.released).toBe(true)
        seen.push(x)
      }
    })
    expect(seen.map(x => x.released)).toEqual([true, true, true])
    expect(left).toBe(0)
  })

  test('are freed when the loop ends early, or by an error', () => {
    const loader = new DataLoader([data.x, data.y], { batchSize: 2, shuffle: true })
    const left = leftBy(() => {
      for (const [x] of loader) if (x.size > 0) break
      thrown(() => {
        for (const [x] of loader) throw new Error(String(x.shape))
      })
    })
    expect(left).toBe(0)
  })

  test('stay if they are kept', () => {
    const kept: Tensor[] = []
    for (const x of new DataLoader(data.x, { batchSize: 2 })) kept.push(keep(x))
    expect(kept.map(x => x.toArray())).toEqual([[[1], [2]], [[3], [4]], [[5]]])
    for (const each of kept) each.dispose()
  })
})

describe('keep takes a tensor, a list, a tree, a model, Params, Grads and a pullback', () => {
  test.each<[name: string, make: () => unknown, read: (value: never) => number]>([
    ['a tensor', () => ones([2]), (t: Tensor) => t.sum().item()],
    ['a list', () => [ones([1]), ones([1])], (list: Tensor[]) => list[0].add(list[1]).item()],
    ['a tree', () => ({ x: ones([2]), y: new Map([['z', [ones([1])]]]) }), ({ x }: { x: Tensor }) => x.sum().item()],
    ['a model', () => Dense(ones([1, 2]), ones([1])), (model: (x: Tensor) => Tensor) => model(ones([2])).item() - 1],
    ['Params', () => params(ones([2])), (ps: Iterable<Tensor>) => [...ps][0].sum().item()],
    [
      'Grads',
      () => {
        const ps = params(ones([2]))
        return gradient(() => [...ps][0].sum(), ps)
      },
      (grads: Iterable<[Tensor, Tensor]>) => [...grads][0][1].sum().item(),
    ],
    ['a pullback', () => pullback((x: Tensor) => x.mul(2), ones([1])), ([, back]: [Tensor, () => [Tensor]]) => back()[0].item()],
  ])('%s', (_, make, read) => {
    let kept: unknown
    scope(() => {
      kept = keep(make())
    })
    expect(read(kept as never)).toBe(2)
  })

  test('and says so where there is none', () => {
    expect(keep([])).toEqual([])
    const text = 'Pass a tensor, or a list, an object or a model.'
    for (const [value, kind, wayOut = text] of [
      [3, 'number'],
      [undefined, 'undefined'],
      [{ a: 1 }, 'object'],
      [Promise.resolve(), 'a promise', 'Await it first.'],
    ] as const) {
      expect(() => keep(value)).toThrow(new TypeError(`keep: there is no tensor in it: ${kind} came. ${wayOut}`))
    }
    const gone = ones([1])
    gone.dispose()
    expect(() => keep([gone])).toThrow(ReleasedError)
  })
})
