// What random programs whose derivatives are held to PyTorch have in common: the forms of one program are compared to the bit, and it is run on two numbers of
// threads.
import { createHash } from 'node:crypto'
import { failed, finish, seeds } from './findings.mjs'
import { F } from './library.mjs'
import { base64, Held, hasPyTorch } from './python.mjs'

export const datas = list => list.map(x => x.data())
export const sameBits = (a, b) => a.length === b.length && a.every((value, i) => Object.is(value, b[i]))

/** Throws where lists of numbers are not the same, to the bit or as `same(got, right, largest)` says, with the largest of all that are right, or 1. */
export function bits(what, got, right, same = sameBits) {
  const largest = right.reduce((most, list) => list.reduce((m, v) => (Number.isFinite(v) ? Math.max(m, Math.abs(v)) : m), most), 1)
  right.forEach((wanted, i) => {
    if (same(got[i], wanted, largest)) return
    const at = wanted.findIndex((v, k) => !same([got[i][k]], [v], largest))
    throw new Error(`${what}: ${i} differs: ${got[i][at]} instead of ${wanted[at]} at ${at}`)
  })
}

/** So many programs run on one number of threads before that is changed. */
const TOGETHER = 25

/**
 * Runs the program of each seed on both numbers of threads, with the same record each time, and holds the records to PyTorch in NAME.py. `recordOf(program, seed,
 * isFirst)` computes a record { seed, ... }, and compares forms the first time; `programOf(seed)` is printed where something is wrong.
 */
export async function holdPrograms(name, programOf, recordOf) {
  if (process.env.FUZZ_BITS) return printBits(programOf, recordOf)
  hasPyTorch()
  const held = new Held(name)
  const { FUZZ_THREADS } = process.env
  const counts = FUZZ_THREADS ? [Number(FUZZ_THREADS), 1] : [1, 2]
  const run = async list => {
    await F.threads(counts[0])
    const made = list.map(seed => [seed, attempt(seed, programOf, recordOf, true)])
    await F.threads(counts[1])
    for (const [seed, before] of made) {
      if (!before) continue
      const again = attempt(seed, programOf, recordOf, false)
      const [record, text] = before
      if (JSON.stringify(again) !== JSON.stringify([{ ...record, forms: undefined }, text]))
        failed(seed, `other bits on ${counts[1]} threads instead of ${counts[0]}`, before[1])
      held.add(...before)
    }
  }
  let waiting = []
  for (const seed of seeds()) {
    waiting.push(seed)
    if (waiting.length < TOGETHER) continue
    await run(waiting)
    waiting = []
  }
  await run(waiting)
  held.end()
  finish(held.note)
}

/** With FUZZ_BITS=1 nothing is held to anything: a line a program says what its bits are (wide.mjs). */
async function printBits(programOf, recordOf) {
  await F.threads(1)
  for (const seed of seeds()) {
    const found = JSON.stringify(attempt(seed, programOf, recordOf, false) ?? [])
    console.log(`bits ${seed} ${createHash('sha256').update(found).digest('hex').slice(0, 16)}`)
  }
  finish()
}

/**
 * The record of a program with `inputs`, `ps`, `call()`, `first()` and `second()`, once `compareForms(program, values, first, also)` has seen it. What another form
 * gives that rounds elsewhere, it hands to `also(what, part, datas, of)`: it is held to PyTorch as the numbers `of` of that part ('values' or 'first') are.
 */
export const recorder = compareForms => (program, seed, isFirst) => {
  const results = program.call()
  const values = datas(results)
  const [first, second] = [datas(program.first()), datas(program.second())]
  const forms = []
  const also = (form, what, given, of = given.map((_, i) => i)) => forms.push({ form, what, of, datas: given.map(base64) })
  if (isFirst) compareForms(program, values, first, also)
  return {
    ...{ seed, options: program.options, shapes: results.map(y => [...y.shape]), inputs: program.inputs.length },
    leaves: [...program.inputs, ...program.ps].map(x => ({ shape: [...x.shape], data: base64(x.data()) })),
    ...{ values: values.map(base64), first: first.map(base64), second: second.map(base64), ...(isFirst && { forms }) },
  }
}

/** A record and its program as text. What is thrown, and tensors or memory that are left, are failures. */
function attempt(seed, programOf, recordOf, isFirst) {
  const { tensors, bytes } = F.memory()
  let text = ''
  try {
    return F.scope(() => {
      const program = programOf(seed)
      text = String(program)
      return [recordOf(program, seed, isFirst), text]
    })
  } catch (error) {
    failed(seed, `${text.split('(')[0]}: ${error.stack.split('\n').slice(0, 3).join(' ')}`, text)
  } finally {
    const after = F.memory()
    if (after.tensors !== tensors) failed(seed, `${after.tensors - tensors} tensors are left`, text)
    else if (after.bytes > bytes + 1e7) failed(seed, `${after.bytes - bytes} bytes are left`, text)
  }
}
