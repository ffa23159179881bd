// How every program of this folder is called and how it ends: `node test/fuzz/NAME.mjs [SEED] [COUNT]`. It tries the programs of COUNT seeds from SEED on, as many
// as FUZZ_SECONDS allow, and exits with 1 if one of them failed, after it has printed the smallest.
import { basename } from 'node:path'

const name = basename(process.argv[1], '.mjs')
const start = performance.now()
const seconds = Number(process.env.FUZZ_SECONDS ?? Number.POSITIVE_INFINITY)
const most = Number(process.argv[3] ?? 1000)
const failures = []
let tried = 0

export const firstSeed = Number(process.argv[2] ?? 1)

/** Whether there is time for one more. */
export function isTime() {
  return performance.now() - start < 1000 * seconds
}

/** The seeds to try; one in any case. */
export function* seeds() {
  for (let i = 0; i < most && (i === 0 || isTime()); i++) {
    tried++
    yield firstSeed + i
  }
}

/** A program that failed: what went wrong, the program itself as text, and the seed that makes it. */
export function failed(seed, problem, program) {
  failures.push({ seed, problem: String(problem), program: typeof program === 'string' ? program : JSON.stringify(program) })
}

/** Says how it went, and ends the process. */
export function finish(note = '') {
  const took = ((performance.now() - start) / 1000).toFixed(0)
  if (tried === 0) failed(firstSeed, 'nothing was tried', '')
  const line = `${tried} programs from seed ${firstSeed} in ${took} s${note && `; ${note}`}`
  if (failures.length === 0) {
    console.log(`${name}: ${line}: all right`)
    process.exit(0)
  }
  // Of each way to fail, numbers aside, the smallest.
  const ways = new Map()
  for (const failure of failures.sort((a, b) => b.program.length - a.program.length)) {
    ways.set(failure.problem.replace(/-?\d[\d.]*(e[+-]?\d+)?/g, '#'), failure)
  }
  console.log(`${name}: ${line}: ${failures.length} failed, in ${ways.size} ways`)
  for (const { seed, problem, program } of [...ways.values()].reverse().slice(0, 40)) {
    console.log(
      `node test/fuzz/${name}.mjs ${seed} 1\n    ${problem.slice(0, 600)}\n    ${program.slice(0, 4000).replaceAll('\n', '\n    ')}`,
    )
  }
  process.exit(1)
}
