// Every public export says what it is. A type or a constant: in a sentence. A function or a class: the shapes of the tensors it takes and
// gives (in words, or in an example that shows them), what it throws, and an example, which test/docs/docstrings.test.ts runs. docs/reference is
// made of them, and says what they say now.
import { publicExports } from './exports.mjs'
import { stalePages } from './reference.mjs'

/** Words that tell a shape. */
const SHAPE = /\[[^\]]*\]|shape|element|broadcast|scalar|axis|axes|1-D/i
/** Thrown where somebody misuses what only the library itself calls. */
const INTERNAL = ['Error']

const known = publicExports()
const names = new Set(known.map(({ name }) => name))
const problems = known.flatMap(each => problemsOf(each).map(problem => `${each.place} ${each.name}: ${problem}`))
const stale = stalePages(known)
for (const problem of problems) console.log(problem)
for (const page of stale) console.log(`${page} is stale: npm run reference, and look at what changed`)
if (problems.length > 0) console.log(`${problems.length} gaps in the docstrings of ${known.length} exports`)
if (problems.length + stale.length > 0) process.exit(1)

function problemsOf({ kind, text, examples, thrown, hasTensors, members }) {
  const problems = []
  if (!isSentence(text)) problems.push('has no sentence that says what it is')
  for (const member of members) {
    if (/\.(name|toString)$/.test(member.name)) continue
    if (!isSentence(member.text) && !text.includes(`\`${member.name.split('.')[1]}\``)) problems.push(`${member.name} has no sentence`)
    const silent = member.thrown.filter(error => !INTERNAL.includes(error) && !tells(member.text, error) && !tells(text, error))
    if (silent.length > 0) problems.push(`${member.name} does not say when it throws ${silent.join(', ')}`)
  }
  if (kind !== 'function' && kind !== 'class') return problems
  const silent = thrown.filter(error => !INTERNAL.includes(error) && !tells(text, error))
  if (silent.length > 0) problems.push(`does not say when it throws ${silent.join(', ')}`)
  if (hasTensors && !SHAPE.test(text) && !examples.some(example => /\/\/.*\[/.test(example))) problems.push('does not say its shapes')
  if (examples.length === 0) problems.push('has no @example')
  return problems
}

/** Some words that end with a full stop, or with what stands behind a colon. */
function isSentence(text) {
  const first = text.trim().split('\n\n')[0]
  return first.split(/\s+/).length > 2 && /[.:!?)`]$/.test(first)
}

/** Says it itself, or points to another export that does: "errors as `crossEntropy`". */
function tells(text, error) {
  const other = text.match(/errors as `(\w+)`/i)?.[1]
  return text.includes(error) || (other !== undefined && names.has(other))
}
