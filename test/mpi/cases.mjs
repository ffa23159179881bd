// What is run, on how many ranks, and what must come of it.
import assert from 'node:assert/strict'
import { cpSync, existsSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Throws unless the job ended well; gives the lines that its ranks printed as JSON. */
function printed({ code, out, err }) {
  assert.equal(code, 0, `${out}\n${err}`)
  return out
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line))
}

/** The one hash that all lines have. */
function hashIn(lines) {
  const [{ hash }] = lines
  assert.match(hash, /^[0-9a-f]{64}$/)
  for (const line of lines) assert.equal(line.hash, hash, JSON.stringify(lines))
  return hash
}

const path = relative => fileURLToPath(new URL(relative, import.meta.url))

/** The examples, shortened to seconds, where they put their checkpoints, and of which step one is that a rank is killed after. */
const EXAMPLES = {
  gpt: { short: ['--data', '../examples/penguins.csv', '--steps', '10', '--length', '5'], checkpoints: 'gpt', from: 0 },
  lenet: { short: ['--epochs', '8', '--first', '192', '--shift'], checkpoints: 'lenet/seed-1', from: 1 },
}

/** The hash of a run of eight shards, which is the same in all runtimes. */
let known

/** Random numbers of a seed. */
function mulberry(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

export const CASES = {
  exchange: {
    everywhere: true,
    async test({ run }) {
      const alone = printed(await run(0, ['exchange.mjs']))
      assert.deepEqual(alone, [{ rank: 0, size: 1 }])
      for (const size of [1, 2, 3, 4]) {
        const said = printed(await run(size, ['exchange.mjs']))
        assert.deepEqual(
          said.map(({ rank }) => rank).sort(),
          Array.from({ length: size }, (_, i) => i),
        )
        assert.ok(said.every(each => each.size === size))
      }
    },
  },
  refusals: {
    everywhere: true,
    async test({ run, make: { name, library, foreign } }) {
      printed(await run(2, ['refusals.mjs']))
      const { code, out, err } = await run(2, ['throws.mjs'])
      assert.notEqual(code, 0)
      assert.match(out + err, /the third batch is upside down/)
      const gone = await run(0, ['exchange.mjs'], { env: { OMPI_COMM_WORLD_SIZE: '2', FLUXTAPE_MPI: '/nowhere/libmpi.so' } })
      assert.match(gone.err, /mpi: there is no MPI library: \/nowhere\/libmpi\.so/)
      const half = await run(2, ['half.mjs'])
      assert.match(half.err, /distribute: a shared optimizer goes with shared batches, and these with that\. Write/)
      const apart = await run(2, ['bits.mjs', '8', 'apart'])
      assert.match(apart.err, /distribute: the ranks differ in their random numbers: \d+, \d+\. Call world\.synchronize\(model\)/)
      const other = await run(0, ['exchange.mjs'], { env: { [foreign.size]: '2', FLUXTAPE_MPI: library } })
      const came = `${foreign.name} has started 2, of which ${name} .*sees 1`
      assert.match(other.err, new RegExp(`mpi: the launcher and the library are of different makes: ${came}`))
      // srun without PMIx: each would train by itself.
      const apiece = await run(0, ['exchange.mjs'], { env: { SLURM_STEP_NUM_TASKS: '4', FLUXTAPE_MPI: library } })
      assert.match(apiece.err, new RegExp(`: Slurm has started 4, of which ${name} .*sees 1\\. .*srun --mpi=pmix`))
    },
  },
  bits: {
    everywhere: true,
    async test({ run }) {
      for (const size of [0, 1, 2, 4, 8]) {
        const lines = printed(await run(size, ['bits.mjs', '8']))
        assert.equal(lines.length, Math.max(1, size))
        known ??= hashIn(lines)
        assert.equal(hashIn(lines), known)
      }
    },
  },
  kinds: {
    async test({ run }) {
      const hashes = []
      // Parts without samples; steps that are replayed; observations that are promises; a loader with a seed; steps without train.
      for (const kind of ['uneven', 'jit', 'map', 'seed', 'steps']) {
        const lines = []
        for (const size of [0, 2, 3]) lines.push(...printed(await run(size, ['bits.mjs', '8', kind])))
        hashes.push(hashIn(lines))
      }
      // Replays give the same bits, what else is different gives others.
      assert.equal(hashes[1], known ?? hashes[1])
      assert.equal(new Set(hashes).size, hashes.length)
      const of = async (size, shards) => hashIn(printed(await run(size, ['bits.mjs', shards])))
      assert.equal(await of(2, '-'), await of(1, '2'))
      assert.notEqual(await of(2, '-'), await of(2, '3'))
      // A world of one has one shard, and trains as if there were none.
      assert.equal(await of(0, '-'), await of(1, '1'))
      assert.equal(await of(0, '-'), await of(0, 'none'))
      printed(await run(2, ['means.mjs']))
    },
  },
  sync: {
    everywhere: true,
    async test({ run }) {
      for (const size of [0, 1, 2, 3, 4]) {
        hashIn(printed(await run(size, ['sync.mjs'])))
        printed(await run(size, ['sync-shards.mjs']))
      }
    },
  },
  accumulate: {
    async test({ folder, run }) {
      for (const size of [0, 2]) printed(await run(size, ['accumulate.mjs']))
      const of = async (size, shards, kind, options) =>
        hashIn(printed(await run(size, ['bits.mjs', shards, kind, JSON.stringify(options)])))
      // A batch at a time is what is without it.
      assert.equal(await of(2, '8', 'plain', { accumulate: 1 }), known ?? (await of(2, '8', 'plain', {})))
      for (const kind of ['plain', 'uneven', 'map', 'steps']) {
        const hashes = []
        for (const size of [0, 2, 3]) hashes.push(await of(size, '4', kind, { accumulate: 4 }))
        assert.equal(new Set(hashes).size, 1, kind)
      }
      // Two steps an epoch: one is saved between them, and goes on with other ranks.
      const whole = await of(2, '4', 'plain', { accumulate: 4 })
      const options = path => ({ accumulate: 4, checkpoint: { path, every: 3 } })
      assert.notEqual(await of(4, '-', 'plain', { ...options('summed'), until: 3 }), whole)
      for (const size of [0, 3]) {
        cpSync(join(folder, 'summed'), join(folder, `summed${size}`), { recursive: true })
        assert.equal(await of(size, '-', 'plain', { ...options(`summed${size}`), resume: `summed${size}` }), whole)
      }
      const { code, err } = await run(2, ['bits.mjs', '-', 'plain', JSON.stringify({ accumulate: 3, resume: 'summed' })])
      assert.notEqual(code, 0)
      assert.match(err, /DataLoader/)
      const odd = await run(2, ['bits.mjs', '2', 'odd'])
      assert.match(odd.err, /distribute: the ranks differ in the number of batches in a step: rank 0 has 1, rank 1 2/)
    },
  },
  checkpoints: {
    async test({ folder, run }) {
      const whole = hashIn(printed(await run(2, ['bits.mjs', '4'])))
      // The last rank alone ends the run, which all then do, after the same step.
      const options = path => ({ checkpoint: { path, every: 4 } })
      const part = printed(await run(4, ['bits.mjs', '-', 'plain', JSON.stringify({ ...options('run'), until: 9 })]))
      assert.notEqual(hashIn(part), whole)
      for (const size of [0, 1, 2, 3]) {
        cpSync(join(folder, 'run'), join(folder, `run${size}`), { recursive: true })
        const given = JSON.stringify({ ...options(`run${size}`), resume: `run${size}` })
        assert.equal(hashIn(printed(await run(size, ['bits.mjs', '-', 'plain', given]))), whole)
      }
      const { code, err } = await run(2, ['bits.mjs', '2', 'plain', JSON.stringify({ resume: 'run' })])
      assert.notEqual(code, 0)
      assert.match(err, /distribute: the run was begun with 4 shards: 2 came\. Leave shards out/)
    },
  },
  crowded: {
    everywhere: true,
    async test({ folder, run, make }) {
      if (make.name !== 'Open MPI') return
      // Open MPI believes that every rank has a core. One that waited busily would take ten times as long.
      const file = join(folder, 'hosts')
      const size = 2 * availableParallelism()
      writeFileSync(file, make.hosts({ localhost: size }).join('\n'))
      const timed = async env =>
        Math.max(...printed(await run(size, ['crowded.mjs'], { hosts: [make.hostfile, file], env })).map(each => each.seconds))
      const busy = await timed({ OMPI_MCA_mpi_yield_when_idle: '0' })
      const seconds = await timed({})
      assert.ok(seconds < busy / 3, `${seconds} s, ${busy} s`)
    },
  },
  hosts: {
    async test({ folder, run, restarted, make }) {
      const whole = hashIn(printed(await run(0, ['bits.mjs', '4'])))
      // One of two hosts is not there: the other goes on.
      const file = join(folder, 'hosts')
      writeFileSync(file, `# two\n\n${make.hosts({ localhost: 4, 'nowhere.invalid': 2 }).join('\n')}\n`)
      const ways = [
        [make.hostfile, file],
        ['-host', 'localhost:4,nowhere.invalid:2'],
      ]
      for (const hosts of ways) {
        const job = await restarted(1, 6, ['bits.mjs', '4'], { hosts })
        const lines = printed(job)
        assert.equal(hashIn(lines), whole)
        assert.equal(lines.length, 4)
        assert.match(job.err, /nowhere\.invalid does not answer, and is left out: there are 4 ranks now/)
      }
      const none = await restarted(1, 2, ['bits.mjs', '4'], { hosts: ['-host', 'nowhere.invalid'] })
      assert.equal(none.code, 2)
      assert.match(none.err, /no host answers: nowhere\.invalid/)
    },
  },
  kills: {
    async test({ run, restarted }) {
      const random = mulberry(Number(process.env.FLUXTAPE_SEED ?? 1))
      const times = process.env.FLUXTAPE_NIGHTLY ? 50 : 3
      const slow = path => ['bits.mjs', '4', 'plain', JSON.stringify({ epochs, slow: 40, checkpoint: { path, every: 2 }, resume: path })]
      // Six steps an epoch, and at most eight until a rank is killed.
      const epochs = 2 + Math.ceil((8 * times) / 6)
      const whole = hashIn(printed(await run(2, ['bits.mjs', '4', 'plain', JSON.stringify({ epochs })])))
      // A rank that is killed ends the job.
      let killed
      const ended = await run(4, slow('once'), {
        watch({ err }) {
          const pid = /rank 2 step 3 pid (\d+)/.exec(err)?.[1]
          if (!pid || killed) return
          killed = performance.now()
          process.kill(Number(pid), 'SIGKILL')
        },
      })
      const waited = performance.now() - killed
      assert.notEqual(ended.code, 0)
      assert.ok(waited < 5000, `${waited} ms`)
      // With restarts it goes on, to the same bits.
      let [kills, from] = [0, 0]
      const draw = () => ({ victim: Math.floor(random() * 4), steps: 1 + Math.floor(random() * 8) })
      let next = draw()
      const job = await restarted(times, 4, slow('again'), {
        limit: 60_000 + 20_000 * times,
        watch({ err }) {
          if (kills === times) return
          const again = err.indexOf('It is started again', from)
          if (kills > 0 && again < 0) return
          const steps = [...err.slice(Math.max(0, again)).matchAll(/rank (\d) step \d+ pid (\d+)\n/g)].filter(
            ([, rank]) => Number(rank) === next.victim,
          )
          if (steps.length < next.steps) return
          process.kill(Number(steps.at(-1)[2]), 'SIGKILL')
          kills++
          // What is said after that is the next job's, whose processes are others.
          from = err.length
          next = draw()
        },
      })
      assert.equal(hashIn(printed(job)), whole)
      assert.equal(kills, times)
      assert.equal(job.err.match(/It is started again/g).length, times)
    },
  },
  examples: {
    async test({ root, folder, run, restarted }) {
      // They find the build by the package's name.
      cpSync(path('../../package.json'), join(root, 'package.json'))
      for (const each of ['docs', 'examples']) cpSync(path(`../../${each}`), join(root, each), { recursive: true })
      for (const [name, { short, checkpoints, from }] of Object.entries(EXAMPLES)) {
        const program = [`../examples/${name}.mjs`, '--mpi', ...short]
        /** The hash that the first rank, and no other, said. */
        const hashOf = ({ code, out, err }) => {
          assert.equal(code, 0, `${out}\n${err}`)
          const hashes = [...out.matchAll(/^SHA-256 of the parameters: ([0-9a-f]{64})$/gm)].map(([, each]) => each)
          assert.equal(hashes.length, 1, out)
          return hashes[0]
        }
        const whole = hashOf(await run(1, program))
        for (const size of [2, 4]) assert.equal(hashOf(await run(size, program)), whole, `${name} on ${size}`)
        // A rank is killed once, and the job goes on from the checkpoint.
        const env = {
          NODE_OPTIONS: `--import ${join(root, 'programs/dies.mjs')}`,
          DIES_AT: join(folder, checkpoints),
          DIES_FROM: String(from),
        }
        const job = await restarted(1, 2, [...program, '--resume', join(folder, name)], { env })
        assert.match(job.err, /It is started again/)
        assert.ok(existsSync(`${env.DIES_AT}.died`))
        assert.equal(hashOf(job), whole, `${name} after a kill`)
      }
    },
  },
}
