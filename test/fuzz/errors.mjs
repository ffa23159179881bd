// After each kind of error, in a process of its own: a training has the bits of a fresh one, nothing is left, and no scope stands open. `node test/fuzz/errors.mjs SEED COUNT`, or `node --expose-gc test/fuzz/errors.mjs CASE`.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { failed, finish, seeds } from './findings.mjs'
import { F } from './library.mjs'

const { clone: _, ...all } = F
const {
  Adam,
  bernoulli,
  Chain,
  ClipNorm,
  customGradient,
  Dense,
  Descent,
  gradient,
  jit,
  keep,
  layer,
  loadSafetensors,
  loadState,
  logitCrossEntropy,
} = all
const {
  manualSeed,
  memory,
  ones,
  OptimizerChain,
  params,
  pullback,
  rand,
  randint,
  randn,
  relu,
  rule,
  saveSafetensors,
  scope,
  softmax,
  tensor,
} = all
const { trainStep, update, zeros } = all

/** What a short training ends with, as a text. */
function trained(isReplayed) {
  return scope(() => {
    manualSeed(5)
    const model = Chain(Dense(8, 16, relu), Dense(16, 3))
    const [ps, optimizer, x, y] = [params(model), Adam(1e-2), randn([32, 8]), randint(0, 3, [32])]
    const loss = (x, y) => logitCrossEntropy(model(x.mul(bernoulli(0.9, x.shape))), y)
    const step = isReplayed ? jit(loss) : loss
    for (let i = 0; i < 20; i++) trainStep(step, ps, [x, y], optimizer)
    const hash = createHash('sha1')
    for (const p of ps) hash.update(p.data())
    return hash.update(rand([3]).data()).digest('hex')
  })
}

const [W, x0, b0] = [keep(ones([3, 3])), keep(rand([4, 3])), keep(zeros([3]))]
const ps = params(W)
const boom = () => {
  throw new Error('boom')
}
const evil = {
  get a() {
    throw new Error('getter')
  },
}
/** The last of what is computed, one after the other. */
const last = (...values) => values.at(-1)
const hostile = new Proxy({}, { ownKeys: boom })
const times = (count, f) => {
  for (let i = 0; i < count; i++) f(i)
}
const custom = back => gradient(() => customGradient(x => x.exp(), back)(W.mul(2)).sum(), ps)
const steps = (count, loss) => times(count, () => trainStep(loss, ps, [], Descent(0)))
const ruled = step => update(rule('R', { hyper: {}, slots: ['a'], step })(), W, ones([3, 3]))
/** Opens a pullback, and closes it however `use` ends. */
function withBack(f, use) {
  const [y, back] = pullback(f, ps)
  try {
    use(back)
  } finally {
    y.dispose()
    back.dispose()
  }
}
const after = (f, then) => {
  f()
  then()
}

const cases = {
  lossThrows: () => gradient(() => after(() => W.mul(2).exp(), boom), ps),
  lossThrowsNested: () => gradient(() => gradient(() => after(() => W.mul(2), boom), ps), ps),
  notScalar: () => gradient(() => W.mul(2), ps),
  integerLoss: () => gradient(() => W.sum().cast('int32'), ps),
  promise: () => gradient(async () => W.sum(), ps),
  shapeInLoss: () => gradient(() => W.add(zeros([2])).sum(), ps),
  pullbackThrows: () => custom(boom),
  pullbackOfOtherShape: () => custom(() => zeros([1])),
  pullbackReleased: () =>
    custom(g => {
      const t = g.mul(2)
      t.dispose()
      return t
    }),
  pullbackAsync: () => custom(async g => g),
  customThrows: () => gradient(() => customGradient(boom, g => g)(W).sum(), ps),
  getterInModel: () => gradient(() => W.sum(), evil),
  getterInParams: () => params(evil),
  getterReturned: () => scope(() => last(W.mul(2), evil)),
  getterOfLayer: () => layer('L', { W }, () => last(W.mul(2), evil))(x0),
  getterAsArgument: () => softmax(evil),
  proxyReturned: () => scope(() => last(W.mul(3), hostile)),
  backAfterItsEnd: () => {
    const [y, back] = pullback(() => W.exp(), ps)
    y.dispose()
    back.dispose()
    back()
  },
  backOfOtherShape: () =>
    withBack(
      () => W.exp(),
      back => back(zeros([1])),
    ),
  backStale: () =>
    withBack(
      () => W.mul(W),
      back => {
        scope(() => W.assign(ones([3, 3])))
        back()
      },
    ),
  badIndex: () => x0.gather([0, 9]),
  badIndexInGradient: () => gradient(() => W.gather([5]).sum(), ps),
  badClass: () => gradient(() => logitCrossEntropy(W, tensor([0, 1, 7])), ps),
  brokenClass: () => logitCrossEntropy(W, tensor([0, 1, 0.5])),
  oneHotOutOfRange: () => F.oneHot([0, 4], 3),
  integerOverflow: () => F.full([3], 2e9, { dtype: 'int32' }).add(F.full([3], 2e9, { dtype: 'int32' })),
  updateInGradient: () => gradient(() => last(update(Descent(), W, ones([3, 3])), W.sum()), ps),
  assignInGradient: () => gradient(() => last(W.assign(zeros([3, 3])), W.sum()), ps),
  updateOfOtherShape: () => update(Descent(), W, ones([3])),
  ruleThrows: () => ruled(boom),
  ruleOfOtherShape: () => ruled(() => zeros([2])),
  gradientNotFinite: () => update(OptimizerChain(ClipNorm(1), Adam()), W, F.full([3, 3], Number.NaN)),
  stepThrows: () => trainStep(() => after(() => W.mul(2), boom), ps, [], Adam()),
  stepDiverges: () => trainStep(() => W.sum().mul(Number.NaN), ps, [], Adam()),
  jitReads: () =>
    steps(
      1,
      jit(() => last(W.sum().item(), W.sum())),
    ),
  jitVaries: () => {
    let i = 0
    steps(
      5,
      jit(() => W.mul(i++).sum()),
    )
  },
  jitBadIndexInReplay: () => {
    const loss = jit(y => W.gather(y).sum())
    const [good, bad] = [Int32Array.of(0, 1), Int32Array.of(0, 9)].map(list => tensor(list))
    try {
      times(5, () => trainStep(loss, ps, [good], Descent(0)))
      trainStep(loss, ps, [bad], Descent(0))
    } finally {
      good.dispose()
      bad.dispose()
    }
  },
  jitThrows: () =>
    steps(
      1,
      jit(() => after(() => W.exp(), boom)),
    ),
  jitThrowsLater: () => {
    let i = 0
    steps(
      5,
      jit(() => (++i === 2 ? boom() : W.sum())),
    )
  },
  noFile: () => loadSafetensors(new Uint8Array(20)),
  cutFile: () => loadSafetensors(saveSafetensors({ W }).slice(0, -1)),
  stateOfOtherShape: () => loadState({ W, b: b0 }, { W, b: W }),
  memoryIsUp: () => scope(() => zeros([2 ** 29]).add(zeros([2 ** 29, 1]).reshape([2 ** 29]))),
  shapeTooLarge: () => zeros([2 ** 31]),
  stackOfScopes: () => {
    const f = () => scope(() => last(zeros([4]), f()))
    f()
  },
  stackOfGradients: () => {
    const f = x => gradient(y => f(y).mul(y), x)[0]
    f(tensor(1))
  },
  stackOfComposed: () => {
    const f = x => softmax(f(x.add(1)))
    f(tensor([1]))
  },
  stackOfLayers: () => {
    const l = layer('L', {}, (_, x) => l(x.mul(1)))
    l(x0)
  },
  stackOfOperations: () => {
    const f = () => last(x0.matmul(W), 1 + f())
    f()
  },
  stackOfParams: () => {
    const f = x => gradient(() => f(x.mul(W)).sum(), ps).get(W)
    f(W)
  },
  stackOfSteps: () => {
    const f = () => trainStep(() => last(f(), W.sum()), ps, [], Descent(0))
    f()
  },
  stackOfCustoms: () => {
    const f = () =>
      scope(() =>
        gradient(
          () =>
            customGradient(
              q => last(f(), q.exp()),
              g => g,
            )(W).sum(),
          ps,
        ),
      )
    f()
  },
  stackOfBacks: () =>
    withBack(
      () => W.exp(),
      back => {
        const f = () => last(back(), 1 + f())
        f()
      },
    ),
}

const settled = async () => {
  for (let i = 0; i < 6; i++) {
    globalThis.gc?.()
    await new Promise(done => setTimeout(done, 5))
  }
}

async function problemsAfter(f) {
  const right = trained(false)
  await settled()
  const before = memory()
  const problems = []
  try {
    f()
    problems.push('it threw nothing')
  } catch (error) {
    if (error?.name === 'RuntimeError') problems.push(`a trap: ${error.message}`)
  }
  await settled()
  const between = memory()
  if (between.tensors !== before.tensors || between.bytes !== before.bytes) problems.push(`${between.bytes - before.bytes} bytes are left`)
  times(50, () => ones([100]).add(1))
  await settled()
  if (memory().tensors !== between.tensors) problems.push('a scope stands open, or tensors outside of scopes are not freed')
  if (trained(false) !== right || trained(true) !== right) problems.push('a training ends with other bits')
  if (
    gradient(() => W.sum(), ps)
      .get(W)
      .toArray()[0][0] !== 1
  )
    problems.push('a gradient is wrong')
  return problems
}

const [, , wanted] = process.argv
if (wanted in cases) {
  const problems = await problemsAfter(cases[wanted])
  for (const problem of problems) console.log(`${wanted}: ${problem}\n    ${cases[wanted]}`)
  process.exit(problems.length > 0 ? 1 : 0)
}
// The seed says which is the first: where there is no time for all, each has its night.
const names = Object.keys(cases)
for (const seed of seeds()) {
  const name = names[seed % names.length]
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', process.argv[1], name], {
    encoding: 'utf8',
    timeout: 120_000,
  })
  if (status !== 0) failed(seed, stdout || `${name} ended with ${status}\n${stderr.slice(-1000)}`, name)
}
finish()
