// Losses that close over what is also their batch, or over what shares its memory: views, transpositions, integers, masks, tensors without elements, draws; batches in
// all forms, frozen and thawed, written in place on the way. With and without jit: the same bits.
import { failed, finish, seeds } from './findings.mjs'
import { F } from './library.mjs'
import { Source } from './source.mjs'

const { bernoulli, freeze, gradient, params, rand, randint, randn, tensor, thaw, trainStep, zeros } = F
const STEPS = 24
class Box {
  constructor(held) {
    this.held = held
  }
}

/** What may happen to z on the way: with the batch, what is outside of it, C of the pool, and a number q. */
const kinds = {
  closedSub: (z, { x, C, W }) => z.add(x.sub(C).mul(W)),
  closedMul: (z, { y, C }) => z.mul(C.tanh()).add(y),
  transposedTwice: (z, { W }) => z.add(W.transpose().mul(0.5).transpose()),
  transposedProduct: (z, { W, C }) => z.add(z.matmul(W.transpose()).matmul(C).tanh()),
  transposedBatch: (z, { x }) => z.add(x.transpose().mul(2).transpose()),
  empty: (z, { empties, at }) => z.add(empties[at % 3].sum()),
  drawnEmpty(z) {
    randn([0, 3])
    return z
  },
  drawnEmptyInteger: (z, { n }) => z.add(randint(0, 3, [0]).sum().cast('float32')).add(rand([n])),
  drawn: (z, { shape }) => z.add(randn(shape)),
  mask: (z, { masks, at }) => F.where(masks[at % 2], z, z.mul(0.1)),
  batchMask: (z, { mask }) => F.where(mask, z, z.neg()),
  integer: (z, { integers, at }) => z.mul(integers[at % 3].cast('float32')),
  integerSum: (z, { index, integers, at }) => z.add(index.add(integers[at % 3])),
  view: (z, { x, C, shape }) =>
    z.add(
      C.reshape([-1])
        .reshape(shape)
        .mul(x.reshape([-1]).reshape(shape)),
    ),
  outerViews: (z, { views }) => z.add(views[0]).mul(views[1]),
  perhapsFrozen: (z, { D }) => z.mul(D),
  gradientByBatch: (z, { x, W }) => z.add(gradient(a => a.mul(a).mul(W).sum(), x)[0]),
  gradientByParameter: (z, { y, W }) => z.add(gradient(a => a.mul(y).sum(), W)[0]),
  gradientOfPair: (z, { x, y }) => z.add(gradient(a => a.mul(y).sum(), x)[0]),
  number: (z, { number }) => z.mul(Object.is(number, -0) ? 3 : Number.isNaN(number) ? 2 : number),
  held: (z, { outer }) => z.add(outer),
  concatEmpty: (z, { E, empties }) => F.concat([E, z, empties[1]], 0),
  softmaxTransposed: z => z.transpose().softmax().transpose(),
  squareTransposed: (z, { Q }) => z.matmul(Q.transpose()),
  squareSummed: (z, { Q }) => z.add(Q.transpose().sum(0)),
  stopped: (z, { x }) => z.mul(x.stopGradient().sigmoid()),
  dropped: (z, { shape }) => z.mul(bernoulli(0.6, shape)),
  emptyParameter: (z, { E }) => z.add(E.sum()),
  written: (z, { n, q }) => z.add(tensor(Array.from({ length: n }, (_, i) => i + q))),
  scaled: z => z.div(z.square().mean().add(1).sqrt()),
  waiting: (z, { C }) => z.add(C.transpose().transpose()),
  gathered: (z, { index, rows }) =>
    z.gather(
      index
        .reshape([-1])
        .abs()
        .minimum(rows - 1)
        .slice([[0, rows]]),
    ),
  custom: (z, { custom }) => z.add(custom(z)),
  outerPullback: (z, { x, back }) => z.add(back(x)[0]),
  tied: (z, { W, Q }) => z.add(W.matmul(Q).matmul(Q.transpose())),
}
const results = {
  extras: (z, { x }) => [z.mean(), z, x],
  mse: (z, { x }) => F.mse(z, x),
  weighted: (z, { V }) => z.mul(V).mean(),
  matrix: z => z.mean().reshape([1, 1]),
}
const forms = {
  plain: { loss: f => f, batch: all => all },
  record: {
    loss:
      f =>
      ({ x, y, rest }) =>
        f(x, y, ...rest),
    batch: ([x, y, ...rest]) => ({ x, y, rest }),
  },
  nested: {
    loss:
      f =>
      ([x, [y, index]], { mask, number }) =>
        f(x, y, index, mask, number),
    batch: ([x, y, index, mask, number]) => [[x, [y, index]], { mask, number }],
  },
  map: {
    loss:
      f =>
      (map, ...rest) =>
        f(map.get('x'), ...rest),
    batch: ([x, ...rest], { map }) => [map.set('x', x), ...rest],
  },
  box: {
    loss:
      f =>
      (box, ...rest) =>
        f(box.held, ...rest),
    batch: ([x, ...rest], { box }) => [Object.assign(box, { held: x }), ...rest],
  },
}

async function train(seed, isReplayed) {
  const source = new Source(seed)
  F.manualSeed(seed)
  const n = source.pick([1, 2, 3, 5, 17])
  const rows = source.chance(0.1) ? 300 : n
  const shape = [rows, n]
  const pool = [randn(shape), randn(shape), randn(shape)]
  pool.push(pool[0].reshape(shape), pool[1].reshape([-1]).reshape(shape), randn([n, rows]).transpose())
  if (rows === n) pool.push(pool[0].transpose(), pool[2].transpose())
  const integers = [randint(-2, 3, shape), randint(0, 4, shape)]
  integers.push(integers[0].reshape(shape))
  const masks = [pool[0].greater(0), pool[1].less(0.3)]
  const empties = [zeros([0]), zeros([0, n]), zeros([n, 0])]
  const [W, V, E, D, Q] = [randn(shape), randn([n]), zeros([0, n]), randn(shape), randn([n, n])]
  const all = [W, V, E, D, Q]
  const ps = params(W, V, E, ...(source.chance(0.5) ? [D] : []), Q)
  const custom = F.customGradient(
    x => x.sum(),
    (_, [x]) => zeros(x.shape).add(0.5),
  )
  const [, back] = F.pullback(q => q.tanh(), W)
  const views = [W.reshape(shape), V.reshape([1, n])]
  const outside = { n, rows, shape, integers, masks, empties, W, V, E, D, Q, custom, back, views, outer: pool[source.int(0, 2)] }
  const steps = source.list(source.int(2, 7), () => ({
    kind: source.pick(Object.keys(kinds)),
    q: source.next(),
    at: source.int(0, pool.length - 1),
  }))
  const result = source.pick(Object.keys(results))
  const name = source.pick(['plain', ...Object.keys(forms)])
  const form = forms[name]
  const compute = form.loss((x, y, index, mask, number) => {
    const inside = { ...outside, x, y, index, mask, number }
    const z = steps.reduce((z, { kind, q, at }) => kinds[kind](z, { ...inside, q, at, C: pool[at] }), W.mul(x))
    return results[result](z.tanh(), inside)
  })
  const loss = isReplayed ? F.jit(compute) : compute
  const optimizer = source.pick([() => F.Descent(0.05), () => F.Adam(1e-2), () => F.Momentum(0.02)])()
  const reused = { map: new Map(), box: new Box(undefined) }
  const values = []
  for (let i = 0; i < STEPS; i++) {
    const isFresh = source.chance(0.2)
    const x = isFresh ? randn(shape) : source.chance(0.6) ? pool[0] : source.pick(pool)
    const batch = [x, source.pick([x, x, ...pool]), source.pick(integers), source.pick(masks), source.pick([1, 1, 1, 2, -0, 0, Number.NaN])]
    for (const [share, list] of [
      [0.1, all],
      [0.05, pool],
    ]) {
      const each = source.pick(list)
      if (source.chance(share)) each.frozen ? thaw(each) : freeze(each)
    }
    if (source.chance(0.1)) pool[source.int(0, 2)].assign(randn(shape))
    if (source.chance(0.05)) masks[0].assign(pool[0].greater(pool[1]))
    const count = source.int(1, 4)
    if (source.chance(0.02)) await F.threads(isReplayed ? count : 1)
    try {
      values.push(trainStep(loss, ps, form.batch(batch, reused), optimizer))
    } catch (error) {
      values.push(`${error.name}: ${error.message}`)
    }
    if (isFresh) x.dispose()
  }
  for (const p of all) values.push(...p.data())
  values.push(...randn([2]).data())
  back.dispose()
  for (const each of [...pool, ...integers, ...masks, ...empties, ...views, ...all]) each.dispose()
  return { values, program: { form: name, shape, result, steps } }
}

let thrown = 0
for (const seed of seeds()) {
  const { values: plain, program } = await train(seed, false)
  const { values: replayed } = await train(seed, true)
  if (plain.some(value => typeof value === 'string')) thrown++
  const at = plain.findIndex((value, i) => !Object.is(value, replayed[i]))
  if (at >= 0) failed(seed, `result ${at} of ${plain.length}: ${plain[at]} without jit, ${replayed[at]} with it`, program)
}
finish(`${thrown} of them throw`)
