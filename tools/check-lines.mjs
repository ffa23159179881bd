// A file fits in a head: a warning at 400 lines, an error at 800. Generated files and tables of data are left out.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { encoding: 'utf8' }).split('\n')
let failed = false
for (const file of files) {
  if (!/\.(ts|mjs|py)$/.test(file) || !existsSync(file) || /\.packed\.|\.generated\./.test(file)) continue
  const lines = readFileSync(file, 'utf8').split('\n').length - 1
  if (lines > 400) console.log(`${lines > 800 ? 'error' : 'warning'}: ${file} has ${lines} lines`)
  if (lines > 800) failed = true
}
if (failed) process.exit(1)
