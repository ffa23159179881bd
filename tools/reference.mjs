// Writes docs/reference from the docstrings and from tools/names.json, a page for each part of the table, and names.md with the errors that the
// tests measure against PyTorch's values: `node tools/reference.mjs`; with `--pages` without measuring. tools/check-docs.mjs says what is stale.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { pathToFileURL } from 'node:url'
import { publicExports } from './exports.mjs'

const FOLDER = 'docs/reference'
const NAMES = 'tools/names.json'
const ERRORS = 'test/oracle/errors.json'
const MEASURED = 'build/errors'

/** The page of a type, and of what the table does not have, by where it is declared: the first that fits. */
const HOMES = [
  [/^src\/ops\/(activations|epilogue)/, 'activations'],
  [/^src\/(ops|tensor)\//, 'tensors'],
  [/^src\/autodiff\//, 'gradients'],
  [/^src\/nn\/initializers/, 'initializers'],
  [/^src\/nn\/losses\//, 'losses'],
  [/^src\/nn\//, 'layers'],
  [/^src\/optimizers\/schedules/, 'schedules'],
  [/^src\/optimizers\/(update|state)/, 'training'],
  [/^src\/optimizers\//, 'rules'],
  [/^src\/(train|params)\//, 'training'],
  [/^src\/data/, 'data'],
  [/^src\/io\//, 'files'],
  [/^src\/(errors|words)/, 'errors'],
  [/^src\//, 'runtime'],
]

/** The pages that do not hold what they should, by path. */
export function stalePages(known = publicExports()) {
  const wanted = pages(known, JSON.parse(readFileSync(NAMES, 'utf8')))
  const there = existsSync(FOLDER) ? readdirSync(FOLDER) : []
  const surplus = there.filter(name => !wanted.has(`${FOLDER}/${name}`)).map(name => `${FOLDER}/${name}`)
  return [
    ...[...wanted].filter(([path, text]) => !existsSync(path) || readFileSync(path, 'utf8') !== text).map(([path]) => path),
    ...surplus,
  ]
}

/** All pages, from path to text. */
function pages(known, table) {
  const byName = new Map(known.map(each => [each.name, each]))
  const pageOf = new Map(Object.entries(table.names).flatMap(([page, rows]) => Object.keys(rows).map(name => [name, page])))
  const types = known.filter(({ name }) => !pageOf.has(name))
  const texts = new Map([[`${FOLDER}/names.md`, namesPage(table, byName)]])
  for (const [page, rows] of Object.entries(table.names)) {
    const entries = Object.keys(rows).flatMap(name => byName.get(name) ?? [])
    const ofPage = types.filter(({ place }) => HOMES.find(([pattern]) => pattern.test(place))[1] === page)
    texts.set(`${FOLDER}/${page}.md`, entryPage(page, entries, ofPage))
  }
  return texts
}

function entryPage(page, entries, types) {
  const lead = page === 'tensors' ? ' What takes a tensor first is a method, too: `x.flip(1)` is `flip(x, 1)`.' : ''
  const parts = [
    `# ${page[0].toUpperCase()}${page.slice(1)}`,
    `Made from the docstrings by \`npm run reference\`.${lead} [All names](names.md).`,
  ]
  for (const entry of entries) parts.push(...entryText(entry))
  if (types.length > 0) parts.push('## Types', ...types.map(typeText))
  return `${parts.join('\n\n')}\n`
}

function entryText({ name, kind, text, examples, signatures, members }) {
  const parts = [`## ${name}`]
  // What takes hyperparameters says in its text how.
  const shown = signatures.filter(
    each => !each.includes('RuleArguments<') && (kind !== 'class' || examples.join().includes(`new ${name}(`)),
  )
  if (shown.length > 0) parts.push(code('ts', shown.map(each => `${kind === 'class' ? 'new ' : ''}${name}${plain(each)}`).join('\n')))
  parts.push(text)
  if (examples.length > 0) parts.push(code('js', examples.join('\n\n')))
  const isFirst = (each, i) => members.findIndex(other => other.name === each.name) === i
  const told = members.filter((each, i) => each.text && isFirst(each, i) && !/\.(name|toString)$/.test(each.name))
  if (told.length > 0) parts.push(told.map(each => `- ${memberText(each)}`).join('\n'))
  return parts
}

function memberText({ name, text, signatures: [signature = ''] }) {
  return `\`${name.split('.')[1]}${plain(signature)}\`: ${oneLine(text)}`
}

function typeText({ name, text, source }) {
  return `\`${name}\`: ${oneLine(text)}${source ? `\n\n${code('ts', source)}` : ''}`
}

function namesPage(table, byName) {
  const errors = JSON.parse(readFileSync(ERRORS, 'utf8'))
  const parts = [
    '# Names',
    'Every public name, and what is called so, or does most nearly the same, in Flux and its companions and in PyTorch. The page that a name links to says where it differs.',
    `The last columns are the largest errors of the value and of the gradient, of all cases of the tests and of both kernels, against PyTorch's or NumPy's values in double
precision, in units of the last place of a float32, or, where summands cancel, of the rounding that these bring. 0 is always the nearest float32, below 1 that or its neighbour.`,
  ]
  const cell = text => (text ? `\`${text.replaceAll('|', '\\|')}\`` : '')
  for (const [page, rows] of Object.entries(table.names)) {
    const there = Object.entries(rows).filter(([name]) => byName.has(name.split('.')[0]))
    const areMeasured = there.some(([name]) => errors[name])
    parts.push(`## [${page[0].toUpperCase()}${page.slice(1)}](${page}.md)`)
    const head = ['fluxtape', 'Flux', 'PyTorch', ...(areMeasured ? ['value', 'gradient'] : [])]
    const lines = there.map(([name, [, flux, torch]]) => {
      const [value = '', gradient = ''] = errors[name] ?? []
      const link = `[${name}](${page}.md#${anchorOf(name.split('.')[0], Object.keys(rows))})`
      return [link, cell(flux), cell(torch), ...(areMeasured ? [value, gradient] : [])]
    })
    const rule = head.map((_, i) => (i > 2 ? '--:' : '---'))
    parts.push([head, rule, ...lines].map(cells => `|${cells.map(cell => (cell === '' ? '' : ` ${cell} `)).join('|')}|`).join('\n'))
  }
  return `${parts.join('\n\n')}\n`
}

/** What a heading is linked by: a number tells those apart that differ by case alone. */
function anchorOf(name, names) {
  const anchor = name.toLowerCase()
  const before = names.slice(0, names.indexOf(name)).filter(each => each.toLowerCase() === anchor).length
  return before === 0 ? anchor : `${anchor}-${before}`
}

function code(language, text) {
  return `\`\`\`${language}\n${text}\n\`\`\``
}

/** What is optional may be undefined, of course; and what numbers a loss has, not by which type it says so. */
function plain(signature) {
  return signature
    .replace(/\?: ([^,;(){}]*?) \| undefined/g, '?: $1')
    .replace(/\?: \(([^()]*)\) \| undefined/g, '?: $1')
    .replace(/ & Given<\{\}>/g, '')
    .replace(/Given<(\{[^}]*\})>/g, (_, numbers) => numbers.replaceAll(': ', '?: '))
    .replaceAll('; }', ' }')
}

function oneLine(text) {
  return text.replace(/\s*\n\s*/g, ' ')
}

/** Runs the tests against PyTorch's values with both variants; of each operation [value, gradient], to two digits, never less than was found. */
function measure() {
  rmSync(MEASURED, { recursive: true, force: true })
  const args = ['vitest', 'run', '--project', 'relaxed', '--project', 'baseline', 'test/oracle', '--reporter=dot']
  const { status } = spawnSync('npx', args, { stdio: 'inherit', env: { ...process.env, FLUXTAPE_ERRORS: MEASURED } })
  if (status !== 0) throw new Error('the tests against the oracle fail')
  const largest = new Map()
  for (const file of readdirSync(MEASURED)) {
    for (const [op, { value, gradient }] of JSON.parse(readFileSync(`${MEASURED}/${file}`, 'utf8'))) {
      const before = largest.get(op) ?? [0]
      const ofGradient = gradient === undefined ? [] : [Math.max(before[1] ?? 0, gradient)]
      largest.set(op, [Math.max(before[0], value), ...ofGradient])
    }
  }
  const up = x =>
    x === 0 ? 0 : Number((Math.ceil(x * 10 ** (1 - Math.floor(Math.log10(x)))) / 10 ** (1 - Math.floor(Math.log10(x)))).toPrecision(2))
  const lines = [...largest].sort(([a], [b]) => (a < b ? -1 : 1)).map(([op, errors]) => `  "${op}": [${errors.map(up).join(', ')}]`)
  writeFileSync(ERRORS, `{\n${lines.join(',\n')}\n}\n`)
}

/** Takes what is there now off the list of what is still missing. */
function shortenPending(known) {
  const text = readFileSync(NAMES, 'utf8')
  const there = new Set(known.map(({ name }) => name))
  const [before] = text.match(/"pending": \[[^\]]*\]/)
  const names = JSON.parse(`{${before}}`).pending.filter(name => !there.has(name))
  const lines = names
    .map(name => `"${name}"`)
    .join(', ')
    .replace(/(.{100}[^,]*, )/g, '$1\n')
    .split('\n')
  const list = names.length === 0 ? '[]' : `[\n${lines.map(line => `    ${line.trim()}`).join('\n')}\n  ]`
  writeFileSync(
    NAMES,
    text.replace(before, () => `"pending": ${list}`),
  )
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  if (!process.argv.includes('--pages')) measure()
  const known = publicExports()
  shortenPending(known)
  const table = JSON.parse(readFileSync(NAMES, 'utf8'))
  rmSync(FOLDER, { recursive: true, force: true })
  mkdirSync(FOLDER, { recursive: true })
  for (const [path, text] of pages(known, table)) writeFileSync(path, text)
  console.log(
    `${FOLDER}: ${readdirSync(FOLDER)
      .map(name => basename(name))
      .join(', ')}`,
  )
}
