// Threads: how many, why, and the same bits from any number of them.
import { numbers, ok, same, throws } from '../check.mjs'
import { fnv } from '../sha256.mjs'

/** Operations large enough to be shared, as functions of a [384, 512]. */
const operations = {
  exp: (lib, a) => lib.exp(a),
  'add, broadcast': (_lib, a) => a.add(a.slice('0')),
  matmul: (_, a) => a.matmul(a.transpose()),
  softmax: (_, a) => a.softmax(),
  'sum of all': (_, a) => a.sum(),
  'sum along axis 0': (_, a) => a.sum(0),
  'variance along axis 1': (_, a) => a.variance(1),
  logSumExp: (_, a) => a.logSumExp(),
  max: (_, a) => a.max(0),
  permute: (_, a) => a.permute([1, 0]).add(0),
  'scatterAdd': (lib, a) => lib.scatterAdd(lib.zeros([7, 512]), lib.arange(384).cast('int32').sub(192).abs().clamp(0, 6).cast('int32'), a), // biome-ignore format: one line
  randn: lib => {
    lib.manualSeed(3)
    return lib.randn([384, 512])
  },
  'gradient of a loss': (lib, a) => lib.gradient(x => lib.logitCrossEntropy(x.matmul(x.transpose()), lib.arange(384)), a)[0],
}

function hashes(lib) {
  const a = lib.tensor(numbers(384 * 512, 10), [384, 512])
  const of = f => lib.scope(() => fnv(new Uint32Array(f(lib, a).data().buffer)))
  const result = Object.entries(operations).map(([name, f]) => [name, of(f)])
  a.dispose()
  return result
}

/** Waits until the workers that the first big jobs started are up. */
async function warm(lib) {
  for (let i = 0; i < 100; i++) {
    hashes(lib)
    if (lib.threads().count > 1) return
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

export const threads = [
  [
    'the first big jobs start them',
    async (lib, { expect }) => {
      if (expect.cores < 2) return
      if (expect.threads) await warm(lib)
      else hashes(lib)
      const { count, reason } = lib.threads()
      if (expect.threads) return ok(count > 1, `there is ${count} thread after big jobs: ${reason}`)
      // A worker that is not allowed to start says so a moment later.
      for (let i = 0; i < 40 && !expect.reason.test(lib.threads().reason); i++) await new Promise(resolve => setTimeout(resolve, 50))
      same(lib.threads().count, 1, 'threads')
      ok(expect.reason.test(lib.threads().reason), `the reason is '${lib.threads().reason}', expected ${expect.reason}`)
    },
  ],
  [
    'threads(n) sets how many',
    async (lib, { expect }) => {
      for (const n of [2, 4, 1]) {
        const start = performance.now()
        const { count, reason } = await lib.threads(n)
        if (expect.threads) same(count, n, `threads(${n}), whose reason is '${reason}'`)
        else same(count, 1, 'threads')
        if (!expect.threads && n > 1) ok(expect.reason.test(reason), `the reason is '${reason}', expected ${expect.reason}`)
        ok(reason.length > 0, 'no reason')
        ok(performance.now() - start < 8000, `threads(${n}) took ${performance.now() - start} ms`)
      }
      await throws(() => lib.threads(0), 'RangeError', /whole number/, 'threads(0)')
      await throws(() => lib.threads(1.5), 'RangeError', /whole number/, 'threads(1.5)')
    },
  ],
  ...[true, false].map(deterministic => [
    `the same bits from 1, 2 and 4, ${deterministic ? 'baseline' : 'best'} kernels`,
    async (lib, { expect }) => {
      await lib.configure({ deterministic })
      await lib.threads(1)
      const wanted = hashes(lib)
      for (const n of expect.threads ? [2, 4, 2] : [2]) {
        await lib.threads(n)
        for (let round = 0; round < (expect.brief ? 2 : 5); round++) {
          hashes(lib).forEach(([name, hash], i) => same(hash, wanted[i][1], `${name} on ${n} threads, round ${round}`))
        }
        if (expect.threads) same(lib.threads().count, n, `threads after the work, whose reason is '${lib.threads().reason}'`)
      }
      await lib.threads(1)
      await lib.configure({ deterministic: false })
    },
  ]),
  [
    'they come and go while training',
    async (lib, { expect }) => {
      const model = lib.Chain(lib.Dense(256, 256, lib.relu), lib.Dense(256, 10))
      const batch = [lib.tensor(numbers(256 * 256, 11), [256, 256]), lib.tensor(Int32Array.from({ length: 256 }, (_, i) => i % 10))]
      const losses = async counts => {
        lib.manualSeed(5)
        const copy = lib.clone(model)
        const opt = lib.Adam(1e-3)
        const found = []
        for (const n of counts) {
          await lib.threads(n)
          for (let i = 0; i < 20; i++) found.push(lib.trainStep((x, y) => lib.logitCrossEntropy(copy(x), y), lib.params(copy), batch, opt))
        }
        return found
      }
      const alone = await losses([1, 1, 1, 1])
      same(await losses(expect.threads ? [2, 4, 1, 3] : [2, 1, 2, 1]), alone, 'the losses')
      await lib.threads(1)
    },
  ],
]
