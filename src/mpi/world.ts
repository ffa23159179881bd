import { threads } from '../configure.ts'
import { DataLoader } from '../data/loader.ts'
import type { LoaderInput } from '../data/observations.ts'
import { DTypeError, FluxtapeError } from '../errors.ts'
import { state } from '../io/state.ts'
import type { StatsNormLayer, StatsNormOptions } from '../nn/layers/norm.ts'
import { assign } from '../ops/assign.ts'
import type { Activation } from '../ops/epilogue.ts'
import type { Optimizer } from '../optimizers/rule.ts'
import type { OptimizerState } from '../optimizers/update.ts'
import { clone } from '../params/clone.ts'
import { zeros } from '../tensor/create.ts'
import { manualSeed, randint } from '../tensor/random.ts'
import { Tensor } from '../tensor/tensor.ts'
import { kindOf, rangeError, refuseMore, SHARED, typeError, written } from '../words.ts'
import { Accord } from './accord.ts'
import { Distribution } from './distribution.ts'
import { launcherIn, libraryFor, setForLibraries } from './library.ts'
import { ALONE, join, type Ranks } from './ranks.ts'
import { SyncBatchNorms } from './sync-batch-norm.ts'
import { Tree } from './tree.ts'

/** The processes that were started together, as each of them sees them. */
export interface World {
  /** The number of this process, from 0. */
  readonly rank: number
  /** How many there are; 1 where nothing has started several. */
  readonly size: number
  /** What the MPI library says of itself; undefined in a world of one, which needs none. */
  readonly library: string | undefined
  /**
   * Gives all ranks the tensors of rank 0's model, parameters and buffers, compares a hash of them, and starts the random numbers of all anew, from one
   * seed that rank 0 draws. Rejects with TypeError where the models are not alike.
   */
  synchronize(model: unknown): Promise<void>
  /** Of float32 tensors of one shape, one from each rank: their sum, mean or largest elements, a new tensor. Sums are taken in a fixed binary tree. */
  allReduce(x: Tensor, how?: 'sum' | 'mean' | 'max'): Tensor
  /** The tensor of the rank `root` (0), for all: a new tensor. */
  broadcast(x: Tensor, root?: number): Tensor
  /** The tensors of all ranks along a new axis 0. */
  allGather(x: Tensor): Tensor
  /** Waits until all ranks are here. */
  barrier(): void
  /** The batches of a loader, of which this rank reads its shards; the same on all ranks in number and order. For `distribute`. */
  shard<Loader extends DataLoader<LoaderInput, unknown, unknown>>(loader: Loader): Loader
  /**
   * Has the ranks take the steps of an optimizer, or of what `setup` gave, together: it is marked, and returned. A batch is cut into `shards` parts, by
   * default as many as there are ranks, or as a run had that is taken up; a rank computes the gradients of its parts one after the other, and
   * all take a step with their mean, weighted by samples. With `order: 'tree'`, the default, the gradients are summed in a fixed binary tree, so that the
   * same number of shards gives the same bits on any number of ranks; `'any'` leaves the order to the MPI library. With `accumulate: n` a step is n
   * batches, one after the other, whose gradients are exchanged once, as a mean over all their samples; the last step of an epoch may have fewer.
   */
  distribute<Opt extends Optimizer | OptimizerState>(opt: Opt, options?: DistributeOptions): Opt
  /**
   * A `BatchNorm`, with its arguments, fields and defaults, that while it trains takes the mean and variance of all ranks' values, and in a world of one is
   * that layer. In test mode nothing is exchanged. Every rank makes the same layers, and calls them in the same order; one shard a rank. Within a step
   * that is shared the gradient is that of the mean over all samples, elsewhere that of the sum of the ranks' losses. It has no second derivative, and
   * does not go with `jit`. Ioffe & Szegedy 2015, as PyTorch's `nn.SyncBatchNorm`. Throws what `BatchNorm` throws, and FluxtapeError where the ranks are not
   * at the same layer.
   */
  SyncBatchNorm(channels: number, activation?: Activation | StatsNormOptions, options?: StatsNormOptions): StatsNormLayer
  /** Ends all ranks at once, with this reason on the error output. */
  abort(reason: unknown): never
}

/** How the ranks share a step. */
export interface DistributeOptions {
  /** In which order gradients are summed; 'tree' by default. */
  readonly order?: 'tree' | 'any' | undefined
  /** Into how many parts a batch is cut. */
  readonly shards?: number | undefined
  /** How many batches make a step; 1 by default. */
  readonly accumulate?: number | undefined
}

interface Process {
  readonly env: Record<string, string | undefined>
  readonly platform: string
  on(event: string, listener: (value: unknown) => void): void
  exit(code: number): never
  getBuiltinModule?(name: string): { hostname(): string; availableParallelism(): number }
}

let opened: Promise<World> | undefined

/**
 * The processes that `mpirun -n 4 node train.mjs`, or another launcher of MPI, has started together: in each of them a world with its `rank` and
 * their number `size`. A program that is started by itself is a world of one, without any library.
 *
 * MPI is called through `bun:ffi`, `Deno.dlopen`, `node:ffi`, or else the package koffi. Every rank makes the same calls in the same order; where one
 * does something else, fails or ends, the others throw a FluxtapeError that says which. A program that ends by an error ends all others. A machine's
 * cores are divided among its ranks; `await threads(n)` afterwards sets another number. Rejects with FluxtapeError where there is no MPI library, or
 * one that does not belong to the launcher. What the world has throws TypeError for what it does not take, RangeError for a rank or a number of shards that
 * cannot be, DTypeError for a sum of what is not float32.
 *
 * @example
 * const world = await mpi()
 * world.size // 1
 * world.allReduce(tensor([1, 2]), 'mean').toArray() // [1, 2]
 */
export async function mpi(): Promise<World> {
  if (arguments.length > 0) refuseMore('mpi', 0, arguments)
  opened ??= open()
  return opened
}

async function open(): Promise<World> {
  const { process } = globalThis as unknown as { process?: Process }
  const launcher = process && launcherIn(process.env)
  if (!process || !launcher || launcher.size === 1) return worldOf(new Accord(ALONE), undefined)
  await yieldWhereCrowded(process)
  const ranks = join(await libraryFor(launcher.make, process.env, process.platform))
  if (ranks.size !== launcher.size) {
    const came = `${launcher.make} has started ${launcher.size}, of which ${ranks.library} sees ${ranks.size}`
    const wayOut =
      'Start it with the mpirun of the library (or srun --mpi=pmix), or name the library of the launcher: FLUXTAPE_MPI=/path/to/libmpi.so.'
    throw new FluxtapeError({ operation: 'mpi', problem: 'the launcher and the library are of different makes', came, wayOut })
  }
  const accord = new Accord(ranks)
  watch(process, accord)
  await share(process, ranks)
  return worldOf(accord, process)
}

/** Has the others know when this program ends. */
function watch(process: Process, accord: Accord): void {
  const { ranks } = accord
  process.on('uncaughtExceptionMonitor', error => {
    console.error(`rank ${ranks.rank} of ${ranks.size}: ${(error as Error | undefined)?.message ?? error}`)
  })
  process.on('exit', code => {
    if (code) return abort(ranks, Number(code))
    accord.leave()
    ranks.finalize()
  })
}

/** Ends the job. Hydra, which starts the ranks of MPICH, drops what it has not read by then: it is given the time for that. */
function abort(ranks: Ranks, code: number): void {
  if (ranks.size > 1) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
  ranks.abort(code)
}

/** Has Open MPI's ranks leave their core to others while they wait, where a machine has more of them than cores: it reads this when it begins. */
async function yieldWhereCrowded({ env, platform, getBuiltinModule }: Process): Promise<void> {
  const cores = getBuiltinModule?.('node:os').availableParallelism() ?? Number.POSITIVE_INFINITY
  const name = 'OMPI_MCA_mpi_yield_when_idle'
  if (!(Number(env.OMPI_COMM_WORLD_LOCAL_SIZE) > cores) || env[name] !== undefined) return
  env[name] = '1'
  // Bun has an environment of its own, which libraries do not see.
  if ('Bun' in globalThis) await setForLibraries(name, '1', platform)
}

/** Divides the cores of a machine among the ranks on it. */
async function share(process: Process, ranks: Ranks): Promise<void> {
  const os = process.getBuiltinModule?.('node:os')
  if (!os) return
  const own = new Uint8Array(256)
  new TextEncoder().encodeInto(os.hostname(), own)
  const all = new Uint8Array(own.length * ranks.size)
  ranks.gather(own, all)
  const names = Array.from({ length: ranks.size }, (_, i) => String(all.subarray(i * own.length, (i + 1) * own.length)))
  const here = names.filter(name => name === names[ranks.rank]).length
  await threads(Math.max(1, Math.floor(os.availableParallelism() / here)))
}

function worldOf(accord: Accord, process: Process | undefined): World {
  const { ranks } = accord
  const { rank, size, library } = ranks
  const tree = new Tree(ranks, size)
  const distribution = new Distribution(accord)
  const norms = new SyncBatchNorms(accord, distribution)

  /** A tensor that all ranks have one like. Throws TypeError for what is none, and where shapes or types differ. */
  const alike = (call: 'allReduce' | 'broadcast' | 'allGather', x: unknown): Tensor => {
    if (!(x instanceof Tensor)) throw typeError(call, 'takes a tensor', `${kindOf(x)} came`)
    const own = x.view().BYTES_PER_ELEMENT * 256 + x.rank
    const sizes = accord.meet(call, x.size, own)
    const odd = sizes ? sizes(0).findIndex((count, i) => count !== x.size || sizes(1)[i] !== own) : -1
    if (odd >= 0)
      throw typeError(
        call,
        'the tensors of the ranks differ in shape or type',
        `[${x.shape.join(', ')}] on rank ${rank}, another on rank ${odd}`,
      )
    return x
  }

  return {
    ...{ rank, size, library },
    async synchronize(model) {
      const tensors = state(model)
      const text = Array.from(tensors, ([path, { dtype, shape }]) => `${path} ${dtype} [${shape.join(', ')}]`).join('\n')
      const kinds = await hashOf(new TextEncoder().encode(text))
      const first = accord.meet('synchronize', kinds)?.(0) ?? []
      const odd = first.findIndex(each => each !== first[0])
      if (odd >= 0)
        throw typeError(
          'synchronize',
          'the models are not alike',
          `rank ${odd} has other paths, shapes or types than rank 0`,
          'Make the same model on every rank.',
        )
      let hash = 0
      for (const [, each] of tensors) {
        const copy = clone(each)
        ranks.broadcast(bytesOf(copy), 0)
        if (rank > 0) assign(each, copy)
        copy.dispose()
        hash = (hash + (await hashOf(each.data()))) % 2 ** 48
      }
      const seed = randint(0, 2 ** 31 - 1, [1])
      ranks.broadcast(bytesOf(seed), 0)
      manualSeed(seed.item())
      seed.dispose()
      const hashes = accord.meet('synchronize', hash)?.(0) ?? []
      if (hashes.every(each => each === hashes[0])) return
      throw new FluxtapeError({
        operation: 'synchronize',
        problem: 'the ranks have different values after all',
        came: hashes.join(', '),
        wayOut: 'Look at the memory and the network of the machines.',
      })
    },
    allReduce(x, how = 'sum') {
      if (!['sum', 'mean', 'max'].includes(how)) throw typeError('allReduce', "it takes 'sum', 'mean' or 'max'", `${written(how)} came`)
      alike('allReduce', x)
      if (x.dtype !== 'float32')
        throw new DTypeError({ operation: 'allReduce', problem: 'the tensor must be float32', came: x.dtype }, [x.dtype])
      const y = clone(x)
      const view = y.view() as Float32Array
      if (how === 'max') ranks.reduce(view, 'max')
      else tree.sum([view], view)
      if (how === 'mean' && size > 1) for (let i = 0; i < view.length; i++) view[i] /= size
      return y
    },
    broadcast(x, root = 0) {
      if (!Number.isInteger(root) || root < 0 || root >= size)
        throw rangeError('broadcast', `the root is a rank, below ${size}`, written(root))
      const y = clone(alike('broadcast', x))
      ranks.broadcast(bytesOf(y), root)
      return y
    },
    allGather(x) {
      alike('allGather', x)
      const y = zeros([size, ...x.shape], { dtype: x.dtype })
      ranks.gather(x.view(), y.view())
      return y
    },
    barrier: () => void accord.meet('barrier'),
    shard(loader) {
      if (!(loader instanceof DataLoader))
        throw typeError(
          'shard',
          'takes a DataLoader',
          `${kindOf(loader)} came`,
          'Write world.shard(new DataLoader(data, { batchSize: 32 })).',
        )
      return distribution.shared(loader)
    },
    distribute(opt, options = {}) {
      const { order = 'tree', shards, accumulate, ...others } = options
      const [unknown] = Object.keys(others)
      if (unknown !== undefined)
        throw typeError('distribute', `there is no option '${unknown}'`, '', 'There are order, shards and accumulate.')
      if (order !== 'tree' && order !== 'any') throw typeError('distribute', "the order is 'tree' or 'any'", `${written(order)} came`)
      for (const [name, count] of Object.entries({ shards, accumulate })) {
        if (count !== undefined && !(Number.isInteger(count) && count >= 1 && count < 65536))
          throw rangeError('distribute', `${name} is a whole number from 1 to 65535`, written(count))
      }
      const optimizer = optimizerIn(opt)
      if (!optimizer) throw typeError('distribute', 'takes an optimizer, or what setup gave', `${kindOf(opt)} came`)
      distribution.want(shards, accumulate)
      distribution.order = order
      distribution.isAsked = true
      Object.defineProperty(optimizer, SHARED, { value: distribution, configurable: true })
      return opt
    },
    SyncBatchNorm: (channels, activation, options) => norms.make(channels, activation, options),
    abort(reason) {
      console.error(`rank ${rank} of ${size}: ${reason instanceof Error ? reason.message : String(reason)}`)
      abort(ranks, 1)
      if (process) process.exit(1)
      throw reason
    },
  }
}

/** The optimizer in what is one, or what `setup` gave. */
function optimizerIn(opt: unknown): object | undefined {
  if (typeof opt !== 'object' || opt === null) return undefined
  return 'links' in opt ? opt : 'optimizer' in opt ? optimizerIn(opt.optimizer) : undefined
}

function bytesOf(x: Tensor): Uint8Array {
  const { buffer, byteOffset, byteLength } = x.view()
  return new Uint8Array(buffer, byteOffset, byteLength)
}

/** 48 bits of a SHA-256: a whole number that a float64 holds. */
async function hashOf(bytes: Uint8Array | Float32Array | Int32Array): Promise<number> {
  const digest = new DataView(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>))
  return digest.getUint16(0) * 2 ** 32 + digest.getUint32(2)
}
