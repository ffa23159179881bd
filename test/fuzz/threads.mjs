// Every family of operations on 1 to 4 threads: the same bits. Tensors are large enough to be shared.
import { failed, finish, seeds } from './findings.mjs'
import { F } from './library.mjs'
import { Source } from './source.mjs'

const { bernoulli, ones, rand, randint, randn } = F
let source

function large() {
  const size = source.int(5000, 600_000)
  const rank = source.int(1, 3)
  if (rank === 1) return [size]
  const first = rank === 2 ? source.pick([1, 2, 3, 5, 7, 16, 31, 64, 100, 257, 1000, 4097]) : source.int(1, 40)
  const second = rank === 2 ? [] : [source.int(1, 60)]
  return source.shuffled([first, ...second, Math.max(1, Math.floor(size / first / (second[0] ?? 1)))])
}
const axisOf = shape => source.int(0, shape.length - 1)
const someAxes = shape => shape.map((_, i) => i).filter(() => source.chance(0.5))
const partOf = shape => shape.map(size => (source.chance(0.4) ? 1 : size))
function differentiated(f, ...args) {
  const { value, gradient } = F.withGradient(f, ...args)
  return [value, ...gradient]
}
const UNARY = [
  'neg',
  'exp',
  'log',
  'sin',
  'cos',
  'tan',
  'tanh',
  'erf',
  'gelu',
  'softplus',
  'sigmoid',
  'relu',
  'sqrt',
  'expm1',
  'log1p',
  'round',
  'sign',
  'square',
]

/** Each draws a program; the program draws its tensors, and gives what it computed. */
const families = {
  unary() {
    const [shape, name] = [large(), source.pick([...UNARY, 'reciprocal', 'rsqrt', 'isNaN', 'isFinite'])]
    return () => differentiated(x => F[name](x).cast('float32').mul(x).sum(), randn(shape))
  },
  binary() {
    const [shape, name] = [
      large(),
      source.pick(['add', 'sub', 'mul', 'div', 'pow', 'maximum', 'minimum', 'less', 'equal', 'lessEqual', 'notEqual']),
    ]
    const [part, isSwapped] = [partOf(shape), source.chance(0.5)]
    return () => [isSwapped ? F[name](rand(part), rand(shape)) : F[name](rand(shape), rand(part))]
  },
  integers() {
    const [shape, name] = [large(), source.pick(['add', 'sub', 'mul', 'maximum', 'minimum', 'less', 'equal'])]
    const part = partOf(shape)
    return () => [F[name](randint(-9, 9, shape), randint(-9, 9, part))]
  },
  reduce() {
    const [shape, name] = [large(), source.pick(['sum', 'mean', 'max', 'min', 'prod', 'variance', 'std', 'norm', 'logSumExp'])]
    const axes = someAxes(shape)
    return () => [F[name](randn(shape), axes)]
  },
  reduceIntegers() {
    const [shape, name] = [large(), source.pick(['sum', 'max', 'min', 'prod', 'any', 'all'])]
    const axes = someAxes(shape)
    // Factors of which no product overflows.
    return () => [F[name](name === 'prod' ? randint(-1, 2, shape) : randint(-5, 5, shape), axes)]
  },
  argument() {
    const [shape, name] = [large(), source.pick(['argMax', 'argMin'])]
    const axis = axisOf(shape)
    return () => [F[name](randn(shape), axis), F[name](randint(0, 50, shape), axis)]
  },
  softmax() {
    const [shape, name] = [large(), source.pick(['softmax', 'logSoftmax'])]
    const axis = axisOf(shape)
    return () => differentiated(x => F[name](x, axis).mul(randn(shape)).sum(), randn(shape))
  },
  loss() {
    const [rows, classes] = [source.int(500, 20_000), source.int(2, 60)]
    return () =>
      differentiated(
        (
          y => x =>
            F.logitCrossEntropy(x, y)
        )(randint(0, classes, [rows])),
        randn([rows, classes]),
      )
  },
  matmul() {
    const [rows, inner, columns, batch] = [source.int(1, 200), source.int(1, 300), source.int(1, 200), source.pick([[], [], [3], [2, 5]])]
    const options = { transposeLeft: source.chance(0.5), transposeRight: source.chance(0.5) }
    const left = [...batch, ...(options.transposeLeft ? [inner, rows] : [rows, inner])]
    const right = options.transposeRight ? [columns, inner] : [inner, columns]
    return () => differentiated((x, y) => F.matmul(x, y, options).square().sum(), randn(left), randn(right))
  },
  linear() {
    const [rows, inputs, outputs] = [source.int(1, 400), source.int(1, 500), source.int(1, 300)]
    return () =>
      differentiated(
        (x, w, b) =>
          F.relu(F.linear(x, w, b))
            .square()
            .mean(),
        randn([rows, inputs]),
        randn([outputs, inputs]),
        randn([outputs]),
      )
  },
  permute() {
    const shape = large()
    const axes = source.shuffled(shape.map((_, i) => i))
    return () => [
      F.permute(randn(shape), axes),
      shape.length > 1 ? F.transpose(randn(shape)).add(0) : ones([1]),
      F.permute(randint(0, 9, shape).cast('uint8'), axes),
    ]
  },
  slice() {
    const shape = large()
    const where = shape.map(() => [null, null, source.pick([1, 2, -1, 3])])
    return () => differentiated(x => x.slice(where).square().sum(), randn(shape))
  },
  gather() {
    const shape = [source.int(2, 300), source.int(1, 200), source.int(1, 30)]
    const [axis, count] = [source.int(0, 2), source.int(1, 500)]
    return () =>
      differentiated(
        (
          i => x =>
            x.gather(i, axis).square().sum()
        )(randint(0, shape[axis], [count])),
        randn(shape),
      )
  },
  takeAlong() {
    const shape = [source.int(2, 300), source.int(1, 200), source.int(1, 30)]
    const axis = source.int(0, 2)
    const like = shape.with(axis, source.int(1, 40))
    return () =>
      differentiated(
        (
          i => x =>
            x.takeAlong(i, axis).square().sum()
        )(randint(0, shape[axis], like)),
        randn(shape),
      )
  },
  select() {
    const shape = large()
    const casts = ['uint8', 'int32', 'bool']
    return () => [
      F.where(bernoulli(0.5, shape), randn(shape), 0),
      F.clamp(randn(shape), -0.5, 0.5),
      ...casts.map(dtype => rand(shape, { high: 200 }).cast(dtype)),
      ...casts.map(dtype => randint(0, 2, shape).cast(dtype).cast('float32')),
    ]
  },
  join() {
    const shape = large()
    const axis = axisOf(shape)
    return () => [
      F.concat([randn(shape), randn(shape)], axis),
      F.stack([randn(shape), randn(shape)], axis),
      F.broadcastTo(randn(shape), [3, ...shape]),
    ]
  },
  create() {
    const [shape, rows, classes] = [large(), source.int(1000, 50_000), source.int(2, 40)]
    return () => [
      rand(shape),
      randn(shape),
      randint(0, 100, shape),
      bernoulli(0.3, shape),
      F.full(shape, 3),
      F.oneHot(randint(0, classes, [rows]), classes),
    ]
  },
  update() {
    const [shape, name] = [large(), source.pick(['Adam', 'AdamW', 'Momentum', 'Descent'])]
    return () => {
      const [w, v, optimizer] = [randn(shape), randn([101]), F[name](0.1)]
      const ps = F.params(w, v)
      for (let i = 0; i < 3; i++)
        F.update(
          optimizer,
          ps,
          F.gradient(() => w.square().sum().add(v.square().sum()), ps),
        )
      return [w, v]
    }
  },
}

function bitsOf(program, seed) {
  F.manualSeed(seed)
  return F.scope(() => program().map(each => Buffer.from(each.data().buffer).toString('latin1')))
}

for (const seed of seeds()) {
  source = new Source(seed)
  const name = source.pick(Object.keys(families))
  const program = families[name]()
  await F.threads(1)
  try {
    const right = bitsOf(program, seed)
    for (const count of [2, 4, 3]) {
      await F.threads(count)
      // Once more before, so that the workers are awake.
      bitsOf(program, seed)
      const at = bitsOf(program, seed).findIndex((bits, i) => bits !== right[i])
      if (at >= 0) failed(seed, `${name}: result ${at} has other bits on ${count} threads`, String(program))
    }
  } catch (error) {
    failed(seed, `${name}: ${error.stack.split('\n').slice(0, 2).join(' ')}`, String(program))
  }
}
finish()
