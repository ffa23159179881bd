// Workers that fail: soon the right bits or a WorkerError, never a hang, and the library trains on afterwards.
import { ok, same } from '../check.mjs'
import { faultyWorkers } from '../faulty.mjs'
import { fnv } from '../sha256.mjs'

/** How long the library may take over a fault, in milliseconds: half a second until it is noticed, and the lost work, on a busy machine. */
const DEADLINE = 1500
/** Of a task: with parameters whose update is shared. */
const LARGE = { input: 900, hidden: 301, batch: 10 }
/** Until a worker that stalls for a second has written, in milliseconds. */
const STALL = 1400
const SET = 'set by threads(n)'

const sleep = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds))
const hash = x => fnv(new Uint32Array(x.data().buffer))

/** What all cases share: a copy of the library, for one that has lost workers is not what the other groups are about. */
let shared

async function prepare(library) {
  const lib = await import(library.replace(/\.js$/, '-faults.js'))
  await lib.threads(1)
  lib.manualSeed(4)
  const x = lib.randn([4001, 211])
  const rows = [0, 1].map(() => lib.randn([211]))
  /** One of two jobs of a millisecond, whose arguments lie in the scratch areas, too. */
  const job = i => x.mul(rows[i % 2])
  const bits = () => [0, 1].map(i => lib.scope(() => hash(job(i))))
  const train = () => {
    const run = task(lib)
    for (let i = 0; i < 3; i++) run.step()
    return run.bits()
  }
  return { workers: faultyWorkers(), lib, x, job, bits, train, wanted: bits(), trained: train() }
}

function task(lib, { input = 120, hidden = 301, batch = 130, rate = 0.01 } = {}) {
  lib.manualSeed(3)
  const model = lib.Chain(lib.Dense(input, hidden, lib.tanh), lib.Dense(hidden, 10))
  const ps = lib.params(model)
  const opt = lib.Adam(rate)
  const data = [lib.randn([batch, input]), lib.randint(0, 10, [batch])]
  const loss = (x, y) => lib.logitCrossEntropy(model(x), y)
  return {
    step: () => lib.trainStep(loss, ps, data, opt),
    gradient: () => lib.gradient(() => loss(...data), ps),
    update: gradient => lib.update(opt, ps, gradient, { keep: true }),
    bits: () => [...ps].map(hash),
    save() {
      const saved = lib.clone(lib.state(model))
      const slots = lib.clone(lib.optimizerState(opt, ps))
      return () => {
        lib.loadState(model, saved)
        lib.loadOptimizerState(opt, ps, slots)
      }
    },
  }
}

/** Calls `f` with 0, 1, ... until it comes true, and lets the event loop turn every so often. */
async function until(f, what, limit = 20_000) {
  const end = performance.now() + limit
  for (let i = 0; !f(i); i++) {
    ok(performance.now() < end, `${what}: not within ${limit / 1000} s`)
    if (i % 50 === 49) await sleep(1)
  }
}

/** Runs a job, sees that it does not take long, and looks at its bits. The jobs take turns, for each gets the memory of the one before. */
function runJob({ job, wanted }, i, isEnough = () => true) {
  const begin = performance.now()
  const y = job(i)
  const took = performance.now() - begin
  ok(took < DEADLINE, `a job took ${Math.round(took)} ms`)
  const isOver = isEnough()
  if (isOver) same(hash(y), wanted[i % 2], 'the bits of a job')
  y.dispose()
  return isOver
}

/** Runs jobs until a worker has been lost. */
async function untilLost(site, count, reason, run = runJob) {
  const hasLost = () => site.lib.threads().count < count
  await until(i => run(site, i, hasLost) && reason.test(site.lib.threads().reason), `a loss with the reason ${reason}`)
}

async function expectHealthy({ lib, bits, train, wanted, trained }, workers) {
  workers.fail('none')
  same([bits(), train()], [wanted, trained], 'bits and training after the fault')
  same(await lib.threads(2), { count: 2, reason: SET }, 'threads(2) afterwards')
  same([bits(), train()], [wanted, trained], 'bits and training on new threads')
  ok(workers.forks() > 0, 'the new threads had nothing to do')
}

/** A WorkerError, and training goes on from the last checkpoint. */
async function updateInPlace(site, workers, fault, reason) {
  const { lib } = site
  const [wanted, failing] = [task(lib, LARGE), task(lib, LARGE)]
  for (const { step } of [wanted, failing]) step()
  const restore = failing.save()
  const gradient = failing.gradient()
  workers.fail(fault)
  let end
  let error
  const update = (_site, _i, hasLost) => {
    const begin = performance.now()
    try {
      failing.update(gradient)
    } catch (thrown) {
      error = thrown
      if (!(error instanceof lib.WorkerError)) throw error
    }
    ok(performance.now() - begin < DEADLINE, `an update took ${Math.round(performance.now() - begin)} ms`)
    return hasLost()
  }
  // A worker may be lost before, in the check of the gradients, which is done over: then others are to fail. While they sleep it is not shared.
  for (let tries = 0; error === undefined && tries < 10; tries++) {
    same((await lib.threads(2)).count, 2, 'threads')
    await sleep(5)
    end = performance.now() + (fault === 'stalls' ? STALL : 0)
    await untilLost(site, 2, reason, update)
  }
  ok(/^threads: a worker .* while it changed values in place: 1 of /.test(error?.message), `${error}`)
  workers.fail('none')
  if (fault === 'stalls') await lib.threads(2)
  restore()
  do {
    for (const { step } of [wanted, failing]) for (let i = 0; i < 3; i++) step()
    await sleep(20)
  } while (performance.now() < end)
  same(failing.bits(), wanted.bits(), 'training on from the checkpoint')
  await expectHealthy(site, workers)
}

const cases = {
  async 'a job that traps'(site, workers) {
    workers.fail('traps')
    same((await site.lib.threads(2)).count, 2, 'threads')
    await untilLost(site, 2, /^a worker failed$/)
    same([site.lib.threads().count, site.bits()], [1, site.wanted], 'threads and bits')
    await expectHealthy(site, workers)
  },

  async 'one job that traps, among workers that go on: the next pool has one less'(site, workers) {
    workers.fail('traps once')
    same((await site.lib.threads(3)).count, 3, 'threads')
    await untilLost(site, 3, /^a worker failed$/)
    workers.fail('none')
    await until(i => runJob(site, i) && site.lib.threads().count > 1, 'the next pool')
    same(site.lib.threads(), { count: 2, reason: 'a worker failed' }, 'threads()')
    await expectHealthy(site, workers)
  },

  async 'a worker that is terminated'(site, workers) {
    same((await site.lib.threads(3)).count, 3, 'threads')
    workers.end()
    const reason = /^a worker (failed: it ended|did not finish its work in time)$/
    if (workers.doSay) await untilLost(site, 3, reason)
    else {
      // Browsers never say that a worker has ended, so one that held no chunk stays in the count. Chromium lets it run on for two seconds.
      const end = performance.now() + 2500
      await until(i => runJob(site, i) && performance.now() > end, 'two seconds')
      ok(site.lib.threads().count === 3 || reason.test(site.lib.threads().reason), site.lib.threads().reason)
    }
    await expectHealthy(site, workers)
  },

  /** Where it runs on for a while, it leaves as the others do, and is sent for again when it is no more. */
  async 'a worker that is terminated just before it leaves'(site, workers) {
    same((await site.lib.threads(2)).count, 2, 'threads')
    workers.end()
    await site.lib.threads(1)
    if (!workers.doSay) await sleep(2200)
    await expectHealthy(site, workers)
  },

  async 'a worker that never starts'({ lib, bits, wanted, ...site }, workers) {
    workers.fail('never starts')
    const up = lib.threads(2)
    for (let i = 0; i < 5; i++) same(bits(), wanted, 'the bits meanwhile')
    await sleep(50)
    same(bits(), wanted, 'the bits meanwhile')
    same(lib.threads(), { count: 1, reason: '1 of 1 workers are still starting' }, 'threads()')
    workers.fail('none')
    same([await lib.threads(2), await up], Array(2).fill({ count: 2, reason: SET }), 'threads(2), this time and before')
    await expectHealthy({ lib, bits, wanted, ...site }, workers)
  },

  async 'a worker that throws when it starts'(site, workers) {
    workers.fail('throws at start')
    const { count, reason } = await site.lib.threads(3)
    ok(count === 1 && /^a worker failed: .*no such thing$/.test(reason), `threads(3): ${count}, ${reason}`)
    for (let i = 0; i < 5; i++) same(site.bits(), site.wanted, 'the bits')
    same(site.lib.threads(), { count: 1, reason }, 'threads() afterwards')
    await expectHealthy(site, workers)
  },

  /** It may write when it wakes, so its memory must not be others' until then. */
  async 'a worker that stalls for a second, and then writes'(site, workers) {
    const { lib, x, bits, wanted } = site
    const before = lib.memory()
    workers.fail('stalls')
    same((await lib.threads(2)).count, 2, 'threads')
    const isLate = workers.lateness()
    const end = performance.now() + STALL
    await untilLost(site, 2, /^a worker did not finish its work in time$/)
    workers.fail('none')
    same(await lib.threads(2), { count: 2, reason: SET }, 'threads(2) during the stall')
    const others = []
    const hashes = []
    while (performance.now() < end) {
      if (others.length < 40) {
        const factor = lib.scope(() => lib.keep(lib.rand([4001, 1])))
        others.push(x.mul(factor))
        factor.dispose()
        hashes.push(hash(others.at(-1)))
      }
      same(bits(), wanted, 'the bits during the stall')
      await sleep(5)
    }
    same(others.map(hash), hashes, `tensors made during the stall, after which the worker ${isLate() ? 'wrote' : 'was gone'}`)
    for (const other of others) other.dispose()
    await until(() => lib.memory().bytes <= before.bytes, 'the memory that the worker might have written to is free', 10_000)
    await expectHealthy(site, workers)
  },

  'a job that traps while it updates in place': (site, workers) => updateInPlace(site, workers, 'traps', /^a worker failed$/),

  /** The checkpoint is loaded into the memory that the worker writes to when it wakes. */
  'a worker that stalls while it updates in place': (site, workers) =>
    updateInPlace(site, workers, 'stalls', /^a worker did not finish its work in time$/),

  async 'thousands of steps under random delays'(site, workers, isLong) {
    const { lib } = site
    const steps = isLong ? 10_000 : 1_000
    const train = async () => {
      const { step, bits } = task(lib, { input: 64, hidden: 160, batch: 96, rate: 1e-3 })
      for (let i = 0; i < steps; i++) {
        step()
        if (i % 100 === 99) await sleep(0)
      }
      return bits()
    }
    const alone = await train()
    workers.fail('dawdles')
    same((await lib.threads(2)).count, 2, 'threads')
    same(await train(), alone, 'the parameters')
    const [forks, claims] = [workers.forks(), workers.claims()]
    // Of 10,000 steps some 10,000 and 50,000. On a machine whose cores are busy, workers sleep more and get to fewer: 350 and 70 were seen.
    ok(
      forks >= steps / 200 && claims >= steps / 1000,
      `${forks} jobs were shared, of which workers did ${claims} parts: ${lib.threads().reason}`,
    )
    await expectHealthy(site, workers)
  },
}

export const faults = Object.entries(cases).map(([name, test]) => [
  name,
  async (_, { library, expect }) => {
    shared ??= await prepare(library)
    const { workers } = shared
    workers.install()
    try {
      await test(shared, workers, expect.long)
    } finally {
      workers.fail('none')
      await shared.lib.threads(1)
      workers.restore()
    }
  },
])
