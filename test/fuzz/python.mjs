import { spawnSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { failed } from './findings.mjs'
import { scratch } from './library.mjs'

/** The Python that has PyTorch: Debian's, or the one that PYTHON names. */
export const PYTHON = process.env.PYTHON ?? '/usr/bin/python3'

/** So many records a call of PyTorch's. */
const TOGETHER = 200

/** Ends the program, and says so, where there is no PyTorch. */
export function hasPyTorch() {
  const { status } = spawnSync(PYTHON, ['-c', 'import torch'])
  if (status === 0) return
  console.log(`${basename(process.argv[1], '.mjs')}: left out, ${PYTHON} has no PyTorch (apt-get install python3-torch)`)
  process.exit(0)
}

/** Elements as records carry them. */
export const base64 = values => Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64')

/** Records { seed, ... } that NAME.py of this folder holds to PyTorch, many at once; what is wrong is a failure of the program that made them. */
export class Held {
  #name
  #waiting = []
  #programs = new Map()
  #crashes = []

  constructor(name) {
    this.#name = name
  }

  /** What there is to say at the end. */
  get note() {
    return this.#crashes.length > 0 ? `PyTorch crashed at ${this.#crashes}` : ''
  }

  add(record, program) {
    this.#waiting.push(record)
    this.#programs.set(record.seed, program)
    if (this.#waiting.length >= TOGETHER) this.end()
  }

  /** Compares what waits. Python prints a line a problem, and the seed that it is at, so that a crash of PyTorch itself costs one record. */
  end() {
    const file = scratch(this.#name)
    let rest = this.#waiting
    while (rest.length > 0) {
      writeFileSync(file, rest.map(record => JSON.stringify(record)).join('\n'))
      const { status, stdout, stderr } = spawnSync(PYTHON, [new URL(`${this.#name}.py`, import.meta.url).pathname, file], {
        encoding: 'utf8',
        maxBuffer: 2 ** 28,
      })
      rmSync(file)
      const lines = stdout.split('\n').filter(Boolean)
      for (const line of lines) {
        const [seed, problem] = JSON.parse(line)
        if (problem) failed(seed, problem, this.#programs.get(seed))
      }
      if (status === 0) break
      const last = JSON.parse(lines.at(-1) ?? '[null]')[0] ?? rest[0].seed
      this.#crashes.push(last)
      if (stderr.includes('Traceback')) failed(last, stderr.split('\n').slice(-4).join(' '), this.#programs.get(last))
      rest = rest.slice(rest.findIndex(({ seed }) => seed === last) + 1)
    }
    this.#waiting = []
    this.#programs.clear()
  }
}
