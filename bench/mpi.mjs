// What it costs to share a step: started by itself, a world of one; under mpirun, so many ranks.
//
//   node bench/mpi.mjs                                   one rank, one and two threads, without and with the world of one
//   mpirun -n 2 node bench/mpi.mjs                       two ranks: the step, and the exchange by size
//   mpirun -n 2 node bench/mpi.mjs --shards 8            with more parts than ranks
//
// Times are minima in milliseconds, of rounds that are interleaved.
import { parseArgs } from 'node:util'
import {
  Adam,
  Chain,
  DataLoader,
  Dense,
  logitCrossEntropy,
  manualSeed,
  oneHot,
  params,
  randint,
  randn,
  relu,
  tensor,
  threads,
  train,
} from '../dist/fluxtape.js'
import { mpi } from '../dist/mpi.js'

const { values } = parseArgs({ options: { shards: { type: 'string' }, rounds: { type: 'string', default: '12' } } })
const rounds = Number(values.rounds)
const world = await mpi()
const { rank, size } = world
const say = text => rank === 0 && console.log(text)
manualSeed(1)

/** The least milliseconds of each of the tasks, taken in turns. */
async function least(tasks) {
  const best = tasks.map(() => Number.POSITIVE_INFINITY)
  for (let i = 0; i < rounds; i++) {
    for (const [j, task] of tasks.entries()) {
      world.barrier()
      best[j] = Math.min(best[j], await task())
    }
  }
  return best
}

/** The least milliseconds of a step of 784-512-512-10 with 256 samples. */
function stepper(isShared) {
  const model = Chain(Dense(784, 512, relu), Dense(512, 512, relu), Dense(512, 10))
  const whole = new DataLoader([x, y], { batchSize: 256 })
  const opt = Adam(1e-4)
  const options = values.shards ? { shards: Number(values.shards) } : {}
  const [data, rule] = isShared ? [world.shard(whole), world.distribute(opt, options)] : [whole, opt]
  return async () => {
    let [last, best] = [performance.now(), Number.POSITIVE_INFINITY]
    const onStep = () => {
      const now = performance.now()
      best = Math.min(best, now - last)
      last = now
    }
    await train((x, y) => logitCrossEntropy(model(x), y), params(model), data, rule, { callbacks: { onStep } })
    return best
  }
}

const [x, y] = [randn([2048, 784]), oneHot(randint(0, 10, [2048]), 10)]
if (size === 1) {
  for (const count of [1, 2]) {
    await threads(count)
    const [plain, shared] = await least([stepper(false), stepper(true)])
    say(
      `${count} threads: a step ${plain.toFixed(2)}, in a world of one ${shared.toFixed(2)} (${((shared / plain - 1) * 100).toFixed(1)} %)`,
    )
  }
} else {
  const [shared] = await least([stepper(true)])
  say(`${size} ranks, ${threads().count} threads each: a step ${shared.toFixed(2)}`)
  for (const count of [1, 1024, 65_536, 1_048_576]) {
    const each = tensor(new Float32Array(count))
    const timed = how => () => {
      const start = performance.now()
      world.allReduce(each, how).dispose()
      return performance.now() - start
    }
    const [sum, max] = await least([timed('sum'), timed('max')])
    say(`${count} numbers: their sum in the tree ${sum.toFixed(3)}, the library's allreduce ${max.toFixed(3)}`)
  }
}
