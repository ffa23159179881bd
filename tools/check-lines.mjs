// A file fits in a head: a warning at 400 lines, an error at 800. Generated files and tables of data are left out.
// What the library throws is made of data: src/words.ts alone makes TypeErrors and RangeErrors.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { encoding: 'utf8' }).split('\n')
let failed = false
for (const file of files) {
  if (!/\.(ts|mjs|py)$/.test(file) || !existsSync(file) || /\.packed\.|\.generated\./.test(file)) continue
  const text = readFileSync(file, 'utf8')
  const lines = text.split('\n').length - 1
  if (lines > 400) console.log(`${lines > 800 ? 'error' : 'warning'}: ${file} has ${lines} lines`)
  const isPlain = file.startsWith('src/') && /\bnew (Type|Range)Error\(/.test(text)
  if (isPlain) console.log(`error: ${file} throws an error that is made of a text: use typeError or rangeError`)
  if (lines > 800 || isPlain) failed = true
}
if (failed) process.exit(1)
