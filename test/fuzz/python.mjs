import { spawnSync } from 'node:child_process'
import { basename } from 'node:path'

/** The Python that has PyTorch: Debian's, or the one that PYTHON names. */
export const PYTHON = process.env.PYTHON ?? '/usr/bin/python3'

/** Ends the program, and says so, where there is no PyTorch. */
export function hasPyTorch() {
  const { status } = spawnSync(PYTHON, ['-c', 'import torch'])
  if (status === 0) return
  console.log(`${basename(process.argv[1], '.mjs')}: left out, ${PYTHON} has no PyTorch (apt-get install python3-torch)`)
  process.exit(0)
}
