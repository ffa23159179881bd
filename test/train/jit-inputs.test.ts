import {
  bernoulli,
  customGradient,
  Descent,
  freeze,
  gradient,
  jit,
  keep,
  manualSeed,
  memory,
  ones,
  params,
  randn,
  setup,
  type Tensor,
  tensor,
  thaw,
  trainStep,
  zeros,
} from 'fluxtape'
import { describe, expect, test } from 'vitest'

// biome-ignore lint/suspicious/noExplicitAny: what a batch is made of is known to the data alone
type Loss = (...batch: any[]) => any

interface Case {
  /** A loss, its parameters, and a batch for each step; what is done before it. */
  readonly make: () => { loss: Loss; of: Tensor[]; batches: readonly (readonly unknown[])[]; before?: (step: number) => void }
  /** How often the loss is called under a jit; undefined: at every step. */
  readonly calls?: number
}

const same = (batch: readonly unknown[], steps = 6) => Array.from({ length: steps }, () => batch)
const [W, X, Y] = [() => tensor([1, 2]), () => tensor([3, 4]), () => tensor([10, 20])]

class Box {
  content: Tensor = X()
}

/** Closes over a tensor that is also the batch of the first three steps. */
function shared(other: (x: Tensor) => Tensor): Case['make'] {
  return () => {
    const [w, x, y] = [W(), X(), Y()]
    const outer = other(x)
    const loss = (batch: Tensor) => batch.sub(outer).mul(w).sum().add(batch.mul(w).sum())
    return { loss, of: [w], batches: [x, x, x, y, y, y].map(each => [each]) }
  }
}

/** Batches of one part, which is filled anew before the fifth step. */
function refilled<T>(make: () => T, read: (part: T) => Tensor, fill: (part: T) => void): Case['make'] {
  return () => {
    const [w, part] = [W(), make()]
    return { loss: (each: T) => read(each).mul(w).sum(), of: [w], batches: same([part]), before: step => step === 4 && fill(part) }
  }
}

const symbol = Symbol('x')

const cases: Record<string, Case> = {
  'a tensor of the batch that the loss closes over': { make: shared(x => x), calls: 2 },
  'a view of it': { make: shared(x => x.reshape([1, 2])), calls: 2 },
  'its transposition, which waits': { make: shared(x => x.reshape([1, 2]).transpose().reshape([2])), calls: 2 },
  'one tensor twice in the batch, or two views': {
    make: () => {
      const [w, x] = [W(), X()]
      const view = x.reshape([2])
      const loss = (a: Tensor, b: Tensor) =>
        gradient(each => each.mul(b).sum(), a)[0]
          .mul(w)
          .sum()
      return { loss, of: [w], batches: [...same([x, x], 3), ...same([x, view], 3)] }
    },
    calls: 4,
  },
  'a view of a parameter': {
    make: () => {
      const w = W()
      return { loss: (x: Tensor) => w.mul(x).sum(), of: [w], batches: same([w.reshape([2])]) }
    },
    calls: 2,
  },
  'a Map, filled anew': {
    make: refilled(
      () => new Map([['x', X()]]),
      map => map.get('x') as Tensor,
      map => map.set('x', Y()),
    ),
  },
  'an instance of a class': {
    make: refilled(
      () => new Box(),
      box => box.content,
      box => {
        box.content = Y()
      },
    ),
  },
  'a typed array': {
    make: refilled(
      () => new Float32Array([3, 4]),
      tensor,
      array => array.fill(5),
    ),
  },
  'a field with a symbol for a name': {
    make: refilled(
      () => ({ [symbol]: X() }),
      record => record[symbol],
      record => {
        record[symbol] = Y()
      },
    ),
  },
  'an object, filled anew': {
    make: refilled(
      () => ({ x: X() }),
      ({ x }) => x,
      record => {
        record.x = Y()
      },
    ),
    calls: 2,
  },
  'objects that differ in their nesting alone': {
    make: () => {
      const [w, x] = [W(), X()]
      const loss = ({ a }: { a: { b?: Tensor } }) => w.mul(a.b ?? 2).sum()
      return { loss, of: [w], batches: [...same([{ a: { b: x } }], 3), ...same([{ a: {}, b: x }], 3)] }
    },
    calls: 4,
  },
  'numbers that are not a number, or 0 with a sign': {
    make: () => {
      const w = W()
      const loss = (n: number) => w.mul(Object.is(n, -0) ? 2 : Number.isNaN(n) ? 3 : 4).sum()
      return { loss, of: [w], batches: [0, 0, 0, -0, -0, -0, Number.NaN, Number.NaN, Number.NaN].map(n => [n]) }
    },
    calls: 6,
  },
  'masks, integers and tensors without elements': {
    make: () => {
      const w = W()
      const loss = (mask: Tensor, n: Tensor, none: Tensor) => w.mul(mask).mul(n).sum().add(none.sum())
      const batches = [0, 1, 2, 3].map(i => [tensor([i % 2 === 0, true]), tensor(new Int32Array([i, 2])), zeros([0, 2])])
      return { loss, of: [w], batches }
    },
    calls: 2,
  },
  'a batch that is frozen on the way': {
    make: () => {
      const [w, x] = [W(), X()]
      const loss = (each: Tensor) => w.mul(gradient(q => q.square().sum(), each)[0]).sum()
      const before = (step: number) => (step === 3 ? freeze(x) : step === 6 ? thaw(x) : undefined)
      return { loss, of: [w], batches: same([x], 9), before }
    },
    calls: 4,
  },
  'what it closes over is frozen on the way': {
    make: () => {
      const [w, x] = [W(), X()]
      const loss = () => w.mul(gradient(q => q.square().sum(), x)[0]).sum()
      return { loss, of: [w], batches: same([], 8), before: step => step === 4 && freeze(x) }
    },
    calls: 4,
  },
  'what it closes over is exchanged, and disposed': {
    make: () => {
      const w = W()
      let x = keep(X())
      const loss = () => {
        const y = w.mul(x).sum()
        x.dispose()
        x = keep(Y())
        return y
      }
      return { loss, of: [w], batches: same([]) }
    },
  },
  'a transposition that waits, beside what it is of, which is written': {
    make() {
      const [w, c] = [tensor([[1, 2], [3, 4]]), tensor([[1, -1], [2, 0]])] // biome-ignore format: matrices
      const turned = c.transpose()
      const before = (step: number) => void (step === 3 && c.assign(ones([2, 2])))
      return { loss: () => w.mul(c).add(w.matmul(turned)).mean(), of: [w], batches: same([]), before }
    },
    calls: 4,
  },
  'transpositions that wait': {
    make: () => {
      const [w, x] = [randn([2, 3]), randn([3, 2])]
      return { loss: () => w.transpose().mul(x).sum(), of: [w], batches: same([]) }
    },
    calls: 2,
  },
  'a parameter without elements': {
    make: () => {
      const [w, none] = [W(), zeros([0, 2])]
      return { loss: (x: Tensor) => w.mul(x).sum().add(none.sum()), of: [w, none], batches: same([X()]) }
    },
    calls: 2,
  },
  'a gradient of numbers that JavaScript wrote': {
    make: () => {
      const w = W()
      const loss = customGradient(
        (x: Tensor) => x.sum(),
        () => tensor([1, 2]),
      )
      return { loss: () => loss(w), of: [w], batches: same([]) }
    },
    calls: 2,
  },
  'a gradient that is a tensor from outside': {
    make: () => {
      const [w, x] = [W(), X()]
      const loss = customGradient(
        (each: Tensor) => each.sum(),
        () => x,
      )
      return { loss: () => loss(w), of: [w], batches: same([]) }
    },
    calls: 2,
  },
  'a loss that is a parameter': {
    make: () => {
      const w = tensor(3)
      return { loss: () => w, of: [w], batches: same([]) }
    },
  },
  'random tensors, some without elements': {
    make: () => {
      const w = W()
      const loss = (x: Tensor) => {
        const none = randn([0])
        const y = w
          .mul(x)
          .mul(bernoulli(0.5, [2]))
          .sum()
          .add(none.sum())
          .add(randn([0, 3]).sum())
        return y.add(randn([2]).sum()).add(randn([2, 0]).sum())
      }
      return { loss, of: [w], batches: same([X()]) }
    },
    calls: 2,
  },
  'random tensors without elements alone': {
    make: () => {
      const w = W()
      return { loss: () => w.sum().add(randn([0]).sum()), of: [w], batches: same([]) }
    },
    calls: 2,
  },
  'a loss that starts the random numbers anew': {
    make: () => {
      const w = W()
      const loss = () => {
        manualSeed(5)
        return w.mul(randn([2])).sum()
      }
      return { loss, of: [w], batches: same([]) }
    },
  },
  'a step with another jit within the loss': {
    make: () => {
      const w = W()
      const inner = jit(() => w.sum())
      const loss = (x: Tensor) => {
        expect(() => trainStep(inner, params(w), [], Descent(0))).toThrow(TypeError)
        return w.mul(x).sum()
      }
      return { loss, of: [w], batches: [X(), Y(), X(), Y()].map(x => [x]) }
    },
    calls: 2,
  },
}

/** The losses, the parameters, the next random numbers; how often the loss was called. */
function run({ make }: Case, wrap: <F extends Loss>(loss: F) => F) {
  manualSeed(3)
  const { loss, of, batches, before } = make()
  let calls = 0
  const wrapped = wrap((...batch: unknown[]) => {
    calls++
    return loss(...batch)
  })
  const losses = batches.map((batch, i) => {
    before?.(i)
    return trainStep(wrapped, params(of), batch, Descent(0.1))
  })
  return { calls, seen: [losses, of.map(each => each.toArray()), randn([2]).toArray()] }
}

describe('what a jit is given, and what it closes over', () => {
  test.each(Object.keys(cases))('%s', name => {
    const plain = run(cases[name], loss => loss)
    const replayed = run(cases[name], jit)
    expect(replayed.seen).toEqual(plain.seen)
    expect(replayed.calls).toBe(cases[name].calls ?? plain.calls)
  })

  test('a loss that depends on which object a tensor or a batch is, is refused', () => {
    const [w, x, record] = [W(), X(), { y: Y() }]
    const losses: Record<string, Loss> = {
      'a tensor': each => w.mul(each === x ? 2 : 3).sum(),
      'an object': (_, other) => (other === record ? w.neg() : w.exp()).sum(),
      'in a gradient': (each: Tensor) => w.mul(gradient(q => q.mul(x).sum(), each)[0]).sum(),
    }
    for (const [name, loss] of Object.entries(losses)) {
      const marked = jit(loss)
      const step = () => trainStep(marked, params(w), [x, record], Descent(0.1))
      step()
      step()
      expect(step, name).toThrow('trainStep: the loss of a jit does not do the same at each step')
      expect(trainStep(loss, params(w), [x, record], Descent(0.1))).toBeTypeOf('number')
    }
  })

  test('a loss in which no parameter takes part has the error that it has without jit', () => {
    const [w, x] = [W(), tensor(3)]
    for (const loss of [() => x, () => tensor(4), (batch: Tensor) => batch]) {
      for (let i = 0; i < 3; i++) {
        expect(() => trainStep(jit(loss), params(w), [x], Descent(0.1))).toThrow('update: no parameter has a gradient.')
      }
    }
  })

  test('the explicit form: a field of the model that is exchanged is seen', () => {
    const losses = (wrap: <F extends Loss>(loss: F) => F) => {
      const model = { weight: W(), parts: [{ factor: X(), by: new Map([['n', 2]]) }] }
      const loss = wrap(({ weight, parts: [{ factor, by }] }: typeof model) =>
        weight
          .mul(factor)
          .mul(by.get('n') ?? 0)
          .sum(),
      )
      freeze(model.parts)
      const state = setup(Descent(0.1), model)
      return Array.from({ length: 12 }, (_, i) => {
        if (i === 3) model.parts[0].factor = frozen(Y())
        if (i === 6) model.parts[0].by.set('n', 5)
        if (i === 9) model.parts = [{ factor: frozen(X()), by: new Map([['n', 1]]) }]
        return trainStep(loss, model, [], state)
      })
    }
    expect(losses(jit)).toEqual(losses(loss => loss))
  })

  test('the copies of a batch are freed with the step', () => {
    const w = W()
    const loss = jit(({ x }: { x: Tensor }): [Tensor, Tensor] => [w.mul(x).sum(), x])
    const batch = { x: ones([2]) }
    trainStep(loss, params(w), batch, Descent(0.1))
    const { bytes, tensors } = memory()
    for (let i = 0; i < 4; i++) trainStep(loss, params(w), batch, Descent(0.1))
    expect(memory()).toMatchObject({ bytes, tensors })
    expect(batch.x.toArray()).toEqual([1, 1])
  })
})

function frozen(x: Tensor): Tensor {
  freeze(x)
  return x
}
